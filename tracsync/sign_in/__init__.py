"""Who comes in to the admin: wrong passwords wait."""
