"""One package, so that its fixtures end with its last test: a browser's event loop must not outlive them."""
