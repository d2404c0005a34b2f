"""The pages that say what was sent to whom, and why not."""
