"""The admin of outbound traffic and resources; each module registers its own pages."""

from destinations.admin import (
    attempts,
    backfills,
    destinations,
    extensions,
    imports,
    profiles,
    replays,
    resources,
    syncs,
)

__all__ = [
    "attempts",
    "backfills",
    "destinations",
    "extensions",
    "imports",
    "profiles",
    "replays",
    "resources",
    "syncs",
]
