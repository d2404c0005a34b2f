"""What every list of the admin has: filters that a person has saved, and what is filtered as a file."""
