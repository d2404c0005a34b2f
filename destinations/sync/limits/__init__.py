"""What may be sent at once and within a time: by one destination, and by all of an account together."""
