"""What is asked from outside: health and metrics; and what the log leaves out."""
