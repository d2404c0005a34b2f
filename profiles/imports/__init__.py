"""Profiles from files: read, checked, and imported in the background."""
