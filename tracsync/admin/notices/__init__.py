"""Notices: channels, incidents, limits, and each person's own choice."""
