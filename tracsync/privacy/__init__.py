"""One person: erased here and at the destinations, and all that is known of him or her as one archive."""
