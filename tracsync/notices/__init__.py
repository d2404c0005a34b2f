"""Telling people unasked: what is looked for, incidents, and a queue of notices of its own."""
