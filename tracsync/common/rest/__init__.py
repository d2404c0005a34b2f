"""What the views of the API on every floor have in common: filters, preconditions, the form of an error."""
