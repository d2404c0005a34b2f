"""What Tracardi holds, made into resources, destinations and profiles; docs/tracardi.md is its page."""
