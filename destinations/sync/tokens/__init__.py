"""Access tokens that all workers of a resource share, and what is known of them."""
