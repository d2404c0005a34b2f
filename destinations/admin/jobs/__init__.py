"""The pages of imports, backfills and replays."""
