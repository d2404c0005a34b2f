"""What `up --demo` shows: sample profiles, a receiver, and a destination between them."""
