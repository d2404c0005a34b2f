"""Redis: a message for each changed profile in a stream, or a hash for each profile."""
