"""What reads and explains, and never writes: why, when, how many, and what would be."""
