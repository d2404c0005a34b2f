"""Sessions that end while somebody types: nothing of it is lost."""
