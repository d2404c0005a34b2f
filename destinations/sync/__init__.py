"""The way of a change: settle, claim, push, outcomes; everything else here is a helper of these."""
