"""What the whole REST API has in common: its root, errors, pages, parsers and tokens."""
