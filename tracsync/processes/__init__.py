"""Which processes run, and what ends them."""
