"""AMQP 0-9-1: messages that the broker confirms."""
