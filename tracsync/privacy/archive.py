"""All that is known of one person, as one archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.serializers.json import DjangoJSONEncoder

from destinations.models import AuditFinding, DeliveryAttempt, ProfileSync
from profiles.models import Profile
from tracsync.common import trail
from tracsync.common.trail import Action
from tracsync.models import TrailEntry
from tracsync.privacy import traces
from tracsync.privacy.person import Person

FILE_NAME = "person.zip"  # the id is in it, and need not stand in a list of downloads


def archive(profile: Profile) -> bytes:
    """A ZIP of JSON: `profile`, `syncs`, `attempts`, `findings` of audits, `log` of the admin of earlier
    releases, `trail` of what was done to it by hand, `refused` lines of imports. Secrets of systems are
    masked in it, as wherever something is kept of a push."""
    person = Person.of(profile)
    files: Mapping[str, Any] = {
        "profile": _profile(profile),
        "syncs": [_sync(row) for row in _of(ProfileSync.objects, profile)],
        "attempts": [_attempt(row) for row in _of(DeliveryAttempt.objects, profile)],
        "findings": [_finding(row) for row in AuditFinding.objects.filter(profile=profile).order_by("pk")],
        "log": [_entry(row) for row in _log(profile)],
        "trail": [_told(row) for row in _of_trail(profile)],
        "refused": [{"import": number, "line": line} for number, line in traces.refused_lines(person)],
    }
    written = io.BytesIO()
    trail.note(Action.EXPORTED, profile, named=profile.pk)
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as into:
        for name, content in files.items():
            into.writestr(f"{name}.json", _json(content))
    return written.getvalue()


def _json(content: Any) -> str:
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _of(rows: Any, profile: Profile) -> Iterable[Any]:
    chosen = rows.filter(profile=profile).select_related("destination")
    return (
        chosen.defer("destination__settings", "destination__mapping").order_by("pk").iterator(chunk_size=100)
    )


def _profile(profile: Profile) -> dict[str, Any]:
    names = ("version", "name", "email", "created_at", "changed_at", "deleted_at", "deleted_by", "source")
    return {"document": profile.document, **{name: getattr(profile, name) for name in names}}


def _sync(row: ProfileSync) -> dict[str, Any]:
    """`may_have`: what was sent and not answered, so that the destination may hold it."""
    names = (
        "state",
        "state_since",
        "reason",
        "version",
        "due_at",
        "synced_version",
        "synced_at",
        "removed_at",
    )
    may_have = [
        {"payload": one["payload"], "profile": one["document"]} for one in row.unanswered or () if one
    ]
    return {
        "destination": row.destination.name,
        **{name: getattr(row, name) for name in names},
        "last_error": row.last_error,
        "remote": row.remote,
        "may_have": may_have,
    }


def _attempt(row: DeliveryAttempt) -> dict[str, Any]:
    names = ("at", "operation", "version", "outcome", "status_code", "code", "field", "reason", "remote_id")
    more = ("idempotency_key", "request", "response")
    return {
        "destination": row.destination.name,
        **{name: getattr(row, name) for name in (*names, *more)},
    }


def _finding(row: AuditFinding) -> dict[str, Any]:
    return {"audit": row.audit_id, "kind": row.kind, "fields": row.fields, "reason": row.reason}


def _log(profile: Profile) -> Iterable[LogEntry]:
    of_profiles = get_content_type_for_model(profile)
    found = LogEntry.objects.filter(content_type=of_profiles, object_id=profile.pk)
    return found.select_related("user").order_by("pk")


def _entry(row: LogEntry) -> dict[str, Any]:
    return {"at": row.action_time, "by": row.user.get_username(), "what": row.get_change_message()}


def _of_trail(profile: Profile) -> Iterable[TrailEntry]:
    return TrailEntry.objects.filter(kind=profile._meta.label_lower, object_id=profile.pk).order_by("pk")


def _told(row: TrailEntry) -> dict[str, Any]:
    return {"at": row.at, "by": row.actor, "what": row.action, "fields": list(row.changes)}
