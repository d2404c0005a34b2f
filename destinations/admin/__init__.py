"""The admin of outbound traffic and resources; each module registers its own pages."""

from destinations.admin.deliveries import attempts, profiles, syncs
from destinations.admin.destinations import admin as destinations
from destinations.admin.jobs import audits, backfills, imports, indexing, replays
from destinations.admin.resources import admin as resources
from destinations.admin.resources import extensions

__all__ = [
    "attempts",
    "audits",
    "backfills",
    "destinations",
    "extensions",
    "imports",
    "indexing",
    "profiles",
    "replays",
    "resources",
    "syncs",
]
