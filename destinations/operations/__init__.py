"""What people ask for: sync now, backfill, replay, pause; what they chose, and the batches it is done in."""
