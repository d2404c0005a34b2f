"""MQTT 5: messages that the broker acknowledges, retained as each profile's last value or not."""
