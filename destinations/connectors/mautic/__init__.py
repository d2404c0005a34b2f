"""Mautic, a marketing automation."""
