"""Extensions, resources, destinations, profile syncs and delivery attempts over HTTP."""
