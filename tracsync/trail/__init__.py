"""What requests and signing in tell the trail, and which rows of people, tokens and notices it watches."""
