"""Calls at once, destinations at once, batches in the background, and the end of all of them."""
