"""Connectors as files: a manifest describes the protocol of a web service, and the HTTP engine speaks it."""
