"""Something of everything in an installation, in the states that pages show: for `every_page.py`."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from destinations import configuration
from destinations.configuration.history import Author
from destinations.insight import preview
from destinations.models import (
    Audit,
    AuditFinding,
    DeliveryAttempt,
    Destination,
    Extension,
    Health,
    KnownFields,
    ProfileSync,
    Replay,
    Resource,
    Tally,
)
from destinations.operations import receiver
from destinations.sync import counters
from profiles.imports import job as imports
from profiles.models import Profile
from tests.access.addresses import objects
from tracsync.models import Incident


def fill() -> dict[str, Any]:
    """Of each model something to see, in more than one state."""
    Extension.objects.filter(slug="http_api").update(installed_at=timezone.now())
    operator = User.objects.get(username="operator")
    somebody = User.objects.create_user("marie", "marie@mail.example", "marie", is_staff=True)
    somebody.groups.add(Group.objects.get(name="Editor"))
    url = {"url": "http://127.0.0.1:9/hook"}
    resource = Resource(name="Newsletter", type_id="http_api", production=url, test=url, tags=["mail"])
    configuration.save(resource, by=Author.from_user(operator))
    fields = {"type": "text", "unique": False, "choices": [], "read_only": False, "title": ""}
    KnownFields.objects.create(
        resource=resource,
        use_test=False,
        fetched_at=timezone.now(),
        fields=[{**fields, "name": "to"}, {**fields, "name": "plan", "choices": ["gold", "silver"]}],
    )
    destination = Destination(
        name="Readers",
        resource=resource,
        prerequisites='profile@mail EXISTS AND (profile@plan == "gold" OR profile@stats.visits > 3)',
        mapping={"id": "profile@id", "to": "profile@mail", "plan?": "profile@plan"},
        tags=["mail"],
    )
    configuration.save(destination, by=Author.from_user(operator))
    destination.prerequisites = "profile@mail EXISTS"
    configuration.save(destination, by=Author.from_user(operator))
    ill = states(resource)
    known = {"plan": "gold", "mail": "somebody@mail.example"}
    profiles = [Profile(document={"id": f"p{n}", "name": f"Name {n}", **known}) for n in range(4)]
    for profile in profiles:
        profile.save()
    found = objects(destination, profiles[0], somebody)
    histories(found, [destination, *ill], profiles)
    found["importjob"] = files(found)
    found["closed"] = to_be_authorised().pk
    arrived = preview.as_it_would_leave(destination, profiles[0].document, "test:1")
    receiver.keep(str(operator.pk), {"profile": "p0", "destination": "Readers", "request": arrived})
    Profile.objects.filter(pk="p3").first().delete()  # what is left of it waits to be removed there
    return {**found, "<url>": "nowhere/", "<page>": "admin"}


def to_be_authorised() -> Resource:
    """A resource at which a person has to let us in."""
    at = "http://127.0.0.1:9"
    oauth2 = {
        "grant": "authorization_code",
        "authorize_url": f"{at}/authorize",
        "token_url": f"{at}/token",
        "client_id": "tracsync",
        "client_secret": "secret",
    }
    resource = Resource(name="CRM", type_id="http_api", production={"url": f"{at}/in", "oauth2": oauth2})
    configuration.save(resource)
    return resource


def states(resource: Resource) -> list[Destination]:
    """Destinations that are not well, each in its way."""
    now, made = timezone.now(), []
    for name, health in {
        "Resting": {"held_until": now + timedelta(hours=1), "held_since": now, "hold_reason": "status 503"},
        "Broken": {"problem": "the mapping is wrong", "problem_at": now},
        "Refusing": {"refusals": 50, "refused_since": now, "refusal": "answered 401"},
        "Closed": {"failures": 9, "refusals": 1, "refusal": "answered 401", "hold_reason": "answered 401"},
        "Stopped": {"stopped_at": now, "refusal": "answered 410"},
        "Paused": {},
        "Off": {},
    }.items():
        one = Destination(name=name, resource=resource, mapping={"id": "profile@id"}, enabled=name != "Off")
        configuration.save(one)
        Health.objects.filter(destination=one).update(**health)
        made.append(one)
    Destination.objects.filter(name="Paused").update(paused_at=now)
    return made


def histories(found: dict[str, Any], destinations: list[Destination], profiles: list[Profile]) -> None:
    """What has become of profiles, and counts of it."""
    now = timezone.now()
    exchange = {
        "request": {
            "method": "POST",
            "url": "http://127.0.0.1:9/hook",
            "headers": {},
            "body": '{"id": "p1"}',
        },
        "response": {"status": 422, "headers": {"Content-Type": "text/plain"}, "body": "no such field"},
    }
    for at, state in enumerate(ProfileSync.State.values):
        one = destinations[at % len(destinations)]
        due = now if state in ("pending", "retrying") else None
        pair = {"profile": profiles[1 + at % 3], "destination": one}
        ProfileSync.objects.create(**pair, state=state, due_at=due, reason="answered 422: no such field")
        for outcome in DeliveryAttempt.Outcome.values:
            DeliveryAttempt.objects.create(
                **pair,
                **(exchange if outcome != "unknown" else {}),
                at=now,
                idempotency_key=f"1:{at}",
                version=1,
                duration_ms=12,
                outcome=outcome,
                status_code=422,
                reason="answered 422: no such field",
            )
    for ago in range(12):
        slot = counters.slot(now) - ago
        counts = {"settled": 9, "skipped": 4, "accepted": ago % 7, "rejected": 1, "lag_1": ago % 7}
        Tally.objects.create(destination=destinations[0], slot=slot, **counts)
    Incident.objects.filter(pk=found["incident"]).update(
        destination=destinations[0], sentences={"en": "Readers has to be mended."}, told_at=now
    )
    audit = Audit.objects.get(pk=found["audit"])
    for kind in AuditFinding.Kind.values:
        AuditFinding.objects.create(audit=audit, profile=profiles[1], kind=kind, fields=["plan"], reason="?")
    Replay.objects.create(
        destination=destinations[0], total=5000, done=1000, choice={"of": "syncs"}, paused_at=now
    )


def files(found: dict[str, Any]) -> int:
    """One whose columns are to be chosen, and one that is checked, with a line that is refused."""
    table = b"no;mail;plan\nc-1;a@x.example;gold\n"
    waiting = imports.receive(BytesIO(table), "table.csv", "operator")
    imports.receive(
        BytesIO(b'{"id": "p1", "plan": "silver"}\n{"id": "new"}\n{oops\n'), "b.ndjson", "operator"
    )
    for _batch in range(10):
        imports.advance(timezone.now())
    found["checked"] = imports.ImportJob.objects.get(name="b.ndjson").pk
    return waiting.pk
