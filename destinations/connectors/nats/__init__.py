"""NATS: messages that a stream of JetStream acknowledges."""
