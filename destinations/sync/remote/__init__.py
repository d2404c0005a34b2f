"""What systems call profiles, and pushes of which only the answer would have told it."""
