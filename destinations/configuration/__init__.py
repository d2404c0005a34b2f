"""Saving a destination or a resource the same way for every face: what is checked, kept and set in motion."""

from destinations.configuration.saving import save

__all__ = ["save"]
