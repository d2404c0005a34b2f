"""Kafka: messages that all replicas in step have, keyed by the profile's id."""
