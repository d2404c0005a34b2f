"""What to do with one profile that is due: wait, skip, refuse, leave as it is, or deliver."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, cast
from uuid import UUID

from destinations.connectors import registry, schemas
from destinations.connectors.base import Delivery, Operation
from destinations.connectors.capabilities import (
    may_make_another,
    needs_remote,
    operations_of,
    profile_references,
)
from destinations.connectors.redaction import mask_url
from destinations.models import Destination, ProfileSync
from destinations.notation import Condition, NotationError, Template, at, parse_condition, parse_template
from profiles.documents import InvalidDocument, canonical
from profiles.models import Profile
from tracsync.common.messages import joined, message

DELETED = message("the profile was deleted")
ERASED = message("the profile is erased everywhere")
BY_HAND = message("the system can neither erase nor remove profiles: somebody has to do it there")
BY_HAND_CODE = "by_hand"


@dataclass(frozen=True, slots=True)
class Wait:
    """The profile has changed again and its changes have not ended."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Skip:
    """The destination does not want this profile. `is_absent`: and surely does not have it."""

    reason: str
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """The payload cannot be made or must not be sent. `problem`: the destination is at fault."""

    reason: str
    problem: bool
    code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The destination has accepted exactly this before."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """`leaves`: why the profile is to be taken away; "" where the payload is to be held. `document`: the
    profile, where the connector takes more from it than the payload. `repeats`: the kept push, see
    `remote.doubts`, that is sent once more before that, since only its answer tells what the system calls it.
    """

    payload: Any
    payload_hash: str
    operation: Operation = "upsert"
    leaves: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    repeats: Mapping[str, Any] | None = None


# Between the clocks of several hosts. A change from further ahead is over: its clock was wrong.
TOLERANCE = timedelta(seconds=60)

Decision = Wait | Skip | Refuse | Unchanged | Deliver


class Decider:
    """Decides for one destination as it is configured now. Raises ConnectorError where it cannot be used."""

    def __init__(self, destination: Destination) -> None:
        destination.bring_up_to_date()
        self.destination = destination
        self.connector = registry.get(destination.resource.type_id)
        self.fingerprint = _fingerprint(destination, self.connector.credentials_schema)

    def decide(self, sync: ProfileSync, profile: Profile, now: datetime) -> Decision:
        """Never raises for what is in a profile, a condition or a mapping."""
        if not sync.asked and profile.changed_at <= now + TOLERANCE:
            due = self.destination.due_at(
                profile.changed_at, sync.first_changed_at or profile.first_changed_at or profile.changed_at
            )
            if due > now:
                return Wait(due)
        try:
            return self._decide(sync, profile, now)
        except NotationError as error:
            return Refuse(str(error), problem=True)
        except InvalidDocument as error:  # the mapping makes more of a profile than can be sent
            return Refuse(message("the payload cannot be sent: %(reason)s", reason=str(error)), problem=True)

    def _decide(self, sync: ProfileSync, profile: Profile, now: datetime) -> Decision:
        if profile.is_deleted and sync.erasing:
            return self._erase(sync)
        if profile.is_deleted:
            return self._leave(sync, self.destination.on_delete, DELETED)
        sources = {"profile": profile.document}
        condition = self._condition
        if condition is not None and not condition.evaluate(sources):
            why = condition.explain(sources).why_not(show_values=False)  # it will be stored
            return self._leave(sync, self.destination.on_leave, why)
        # A push that is repeated sends the same: its `now` is that of the first try.
        with at(sync.first_tried_at or now):
            payload = self._template.render(sources)
        errors = schemas.validate(self.connector.payload_schema, payload)
        if errors:
            reason = joined("; ", (sentence for _, sentence in errors[:5]))
            return Refuse(reason, problem=False, code="invalid_field", field=errors[0][0])
        payload_hash = self.hash(payload, profile.document)
        if payload_hash == sync.payload_hash and not sync.resend:
            return Unchanged()
        if (kept := sync.in_doubt_there) and self._may_be_another(kept, payload_hash):
            return _repeated(kept)
        return Deliver(payload, payload_hash, document=profile.document if self._drawn else {})

    def _erase(self, sync: ProfileSync) -> Decision:
        """For a person who is to be forgotten: as thoroughly as the system can, whatever is set here."""
        known = operations_of(self.connector, self.destination.settings)
        choice = next((one for one in ("erase", "remove") if one in known), "")
        if not choice and sync.may_be_there:
            return Refuse(BY_HAND, problem=False, code=BY_HAND_CODE)
        return self._leave(sync, choice or Destination.Leaving.KEEP, ERASED)

    def _leave(self, sync: ProfileSync, choice: str, why: str) -> Decision:
        """For a profile that is not wanted any more, and may be there."""
        if choice == Destination.Leaving.KEEP or not sync.may_be_there:
            return Skip(why)
        operation = cast(Operation, choice)
        if operation not in operations_of(self.connector, self.destination.settings):
            cannot = message("it cannot %(operation)s profiles any more", operation=operation)
            return Refuse(cannot, problem=True)
        if (kept := sync.in_doubt_there) and not (kept.get("refused") and sync.remote_id):
            return _repeated(kept, why)
        if self.needs_remote and sync.unanswered == [] and sync.synced_version is None:
            return Skip(why, is_absent=True)
        payload_hash = hashlib.sha256(self.fingerprint + operation.encode()).hexdigest()
        return Deliver(None, payload_hash, operation, why)

    def _may_be_another(self, kept: Mapping[str, Any], payload_hash: str) -> bool:
        """Whether what may have been created by a kept push need not be what this payload would find there. A
        push that was made for another place, or was refused once more, tells nothing of that."""
        is_as_it_would_be_sent = self.hash(kept["payload"], kept["document"]) == kept["payload_hash"]
        return payload_hash != kept["payload_hash"] and is_as_it_would_be_sent and not kept.get("refused")

    @cached_property
    def needs_remote(self) -> bool:
        """Whether only answers tell by what a profile can be taken away."""
        return needs_remote(self.connector, self.destination.settings)

    @cached_property
    def may_make_another(self) -> bool:
        """Whether a push may make another record of a profile whose id is known."""
        return may_make_another(self.connector, self.destination.settings)

    @cached_property
    def _condition(self) -> Condition | None:
        text = self.destination.prerequisites
        return parse_condition(text) if text.strip() else None

    @cached_property
    def _template(self) -> Template:
        return parse_template(self.destination.mapping)

    @cached_property
    def _drawn(self) -> Template | None:
        """What the connector takes from the profile beside the payload, such as an id for the address."""
        references = profile_references(self.connector, self.destination.settings)
        return parse_template(list(references)) if references else None

    def delivery(
        self, sync: ProfileSync, profile: Profile, decision: Deliver, epoch: UUID, now: datetime
    ) -> Delivery:
        """What the connector is given for this decision. `epoch`: as `idempotency_key` has it."""
        return Delivery(
            decision.payload,
            self.idempotency_key(epoch, sync, profile.version, decision.payload_hash),
            sync.remote,
            decision.operation,
            key=profile.pk,
            version=profile.version,
            profile=decision.document,
            moment=sync.first_tried_at or now,
        )

    def idempotency_key(self, epoch: UUID, sync: ProfileSync, version: int, payload_hash: str) -> str:
        """The same for all repeats of one push and for nothing else; 43 characters.

        `payload_hash` tells content, way and place. The destination's `generation` tells two pushes of one
        content apart between which another was sent, `sync.replays` those that a person asked for; `epoch`
        those of other installations, and of the time before a backup was restored.
        """
        parts = (epoch, sync.pk, version, payload_hash, self.destination.generation, sync.replays)
        digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def hash(self, payload: Any, document: Mapping[str, Any]) -> str:
        """Equal for pushes that would leave the destination with the same: content, way and place.

        `document`: the profile that the payload was made of.
        """
        beside = canonical(self._drawn.render({"profile": document})) if self._drawn else b""
        return hashlib.sha256(self.fingerprint + canonical(payload) + beside).hexdigest()


def _repeated(kept: Mapping[str, Any], leaves: str = "") -> Deliver:
    return Deliver(
        kept["payload"], kept["payload_hash"], leaves=leaves, document=kept["document"], repeats=kept
    )


def _fingerprint(destination: Destination, credentials_schema: Any) -> bytes:
    """Where and how it is sent, without secrets: a renewed password changes nothing."""
    credentials = destination.credentials
    place = schemas.mask(credentials_schema, credentials)
    for name in schemas.secret_fields(credentials_schema):
        if "://" in str(credentials.get(name)):  # an address with a password in it
            place[name] = mask_url(str(credentials[name]))
    parts = [destination.resource.type_id, destination.resource_id, destination.settings, place]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
