"""What is asked from outside: health and metrics."""
