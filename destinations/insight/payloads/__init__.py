"""Payloads beside each other: what would be sent, what was accepted, what the system holds."""
