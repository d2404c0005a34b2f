"""Where profiles go, and what each destination knows of each of them."""

from destinations.models.configuration import (
    TODAYS,
    Destination,
    DestinationVersion,
    Extension,
    RatePeriod,
    Resource,
)
from destinations.models.engine import Account, Health, Heartbeat, Installation, KnownFields, Tally
from destinations.models.jobs import Backfill, Replay
from destinations.models.syncs import DeliveryAttempt, Operation, ProfileSync
from destinations.models.tokens import AccessToken, AuthorisationRequest

__all__ = [
    "TODAYS",
    "AccessToken",
    "Account",
    "AuthorisationRequest",
    "Backfill",
    "DeliveryAttempt",
    "Destination",
    "DestinationVersion",
    "Extension",
    "Health",
    "Heartbeat",
    "Installation",
    "KnownFields",
    "Operation",
    "ProfileSync",
    "RatePeriod",
    "Replay",
    "Resource",
    "Tally",
]
