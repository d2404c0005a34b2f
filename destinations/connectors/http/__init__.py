"""HTTP: a guarded client, and the connector for APIs that take JSON."""
