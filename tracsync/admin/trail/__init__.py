"""The trail: a list of entries, and what was before and after of each. Nobody edits it."""
