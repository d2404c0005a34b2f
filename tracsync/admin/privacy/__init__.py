"""Erasing people and their receipts, and all that is known of one as a file."""
