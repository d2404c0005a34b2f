"""What runs by itself: the loop that settles, claims and goes on with jobs, and cleaning up."""
