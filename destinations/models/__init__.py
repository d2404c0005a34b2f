"""Where profiles go, and what each destination knows of each of them."""

from destinations.models.arrivals import Arrival
from destinations.models.audits import Audit, AuditFinding
from destinations.models.destinations import Destination, DestinationVersion
from destinations.models.engine import Account, Health, Heartbeat, Installation, KnownFields, Tally
from destinations.models.jobs import Backfill, Replay
from destinations.models.resources import TODAYS, Extension, RatePeriod, Resource, ResourceVersion
from destinations.models.syncs import DeliveryAttempt, Operation, ProfileSync
from destinations.models.tokens import AccessToken, AuthorisationRequest

__all__ = [
    "TODAYS",
    "AccessToken",
    "Account",
    "Arrival",
    "Audit",
    "AuditFinding",
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
    "ResourceVersion",
    "Tally",
]
