"""The admin as a site: its sections, users, tokens, preferences and help."""
