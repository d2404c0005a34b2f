"""The admin of outbound traffic and resources; each module registers its own pages."""

from destinations.admin.deliveries import attempts, profiles, syncs
from destinations.admin.destinations import admin as destinations
from destinations.admin.jobs import backfills, imports, replays
from destinations.admin.resources import admin as resources
from destinations.admin.resources import extensions

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
