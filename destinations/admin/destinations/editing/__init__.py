"""What a destination's form asks while its prerequisites and mapping are written, as text or as rows."""
