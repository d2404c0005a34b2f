"""Hostile texts in all that can be named, in the installation that this runs in.

There is a row of each kind at least, and then every text of every row is one of them: so is that of a field
that comes later.
"""

import io
import json
from itertools import count

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone

from destinations import configuration
from destinations.configuration.history import Author
from destinations.models import (
    Audit,
    AuditFinding,
    Backfill,
    DeliveryAttempt,
    Destination,
    Extension,
    KnownFields,
    ProfileSync,
    Replay,
    Resource,
)
from profiles.changes import Change, write
from profiles.imports import job as importing
from profiles.models import Profile
from profiles.search.models import IndexJob
from tests.attacks.texts import HOSTILE, nth
from tracsync.common.encryption import EncryptedJSONField
from tracsync.common.messages import message
from tracsync.models import (
    ApiToken,
    Erasure,
    Incident,
    Notice,
    NoticeChannel,
    NoticeLimits,
    SavedFilter,
)

APPS = ("tracsync", "profiles", "destinations", "auth", "admin")
# Texts of our own: a program writes them, and reads them again.
OURS = {
    *(
        "digest",
        "prefix",
        "fingerprint",
        "salt",
        "idempotency_key",
        "payload_hash",
        "slug",
        "type",
        "type_id",
    ),
    *(
        "language",
        "time_zone",
        "of_list",
        "after",
        "password",
        "codename",
        "scope",
        "operation",
        "change_message",
    ),
    *("object_id", "profile_id", "word", "prerequisites"),
}
PROFILE = HOSTILE[0]


def plant(url):
    """`url`: where the resource leads. What is there, by the label of its model."""
    now, number = timezone.now(), count()
    operator = get_user_model().objects.get(username="operator")
    Extension.objects.filter(slug="http_api").update(installed_at=now)
    documents = [
        {
            "id": one,
            "name": one,
            "mail": one,
            one: {one: [one, {one: one}]},
            "data": {"pii": {"firstname": one}},
        }
        for one in HOSTILE
    ]
    write([Change(one["id"], "put", one) for one in documents])
    resource = Resource.objects.create(
        name=nth(0), type_id="http_api", production={"url": url}, test={"url": url}
    )
    mapping = {one: {one: f"profile@{json.dumps(one)}", "$literal?": one} for one in HOSTILE[:4]}
    mapping = {"id": "profile@id", "name": "profile@name", HOSTILE[1]: "{{profile@mail}} " + HOSTILE[2]}
    condition = f"profile@name EXISTS AND NOT profile@mail == {json.dumps(HOSTILE[1])}"
    made = Destination(
        name=nth(1), resource=resource, mapping=mapping, prerequisites=condition, quiet_period=0
    )
    made.description, made.tags = HOSTILE[2], [nth(3, 40), nth(4, 40)]
    configuration.save(made, by=Author(HOSTILE[0]))
    made.description = HOSTILE[3]
    configuration.save(made, by=Author(HOSTILE[1]))
    profile = Profile.objects.get(pk=PROFILE)
    pair = {"profile": profile, "destination": made}
    said = message("answered %(status)s: %(said)s", status=422, said=HOSTILE[2])
    ProfileSync.objects.all().delete()
    ProfileSync.objects.create(**pair, due_at=now, state="rejected", version=1, reason=said, last_error=said)
    for outcome in ("accepted", "rejected"):
        texts = {"request": "\n".join(HOSTILE), "response": "\n".join(HOSTILE)}
        attempt = {"version": 1, "duration_ms": 1, "idempotency_key": f"1:{outcome}", "reason": said, **texts}
        DeliveryAttempt.objects.create(**pair, at=now, outcome=outcome, **attempt)
    fields = [{"name": one, "title": one, "type": one, "unique": False, "choices": [one]} for one in HOSTILE]
    KnownFields.objects.create(
        resource=resource,
        use_test=False,
        fetched_at=now,
        fields=[{**one, "read_only": False} for one in fields],
    )
    Backfill.objects.create(destination=made, total=3, asked_by=Author(HOSTILE[0]))
    Replay.objects.create(destination=made, choice={"of": "syncs"}, asked_by=Author(HOSTILE[0]))
    audit = Audit.objects.create(destination=made, asked_by=Author(HOSTILE[0]))
    for kind in AuditFinding.Kind:
        AuditFinding.objects.create(audit=audit, profile=profile, kind=kind, fields=list(HOSTILE))
    table = "id," + ",".join(f'"{one.replace(chr(34), chr(34) * 2)}"' for one in HOSTILE[:3])
    rows = [",".join(f'"{one.replace(chr(34), chr(34) * 2)}"' for one in HOSTILE[:4])] * 3 + ['"', "1,2"]
    importing.receive(io.BytesIO("\n".join([table, *rows]).encode()), f"{HOSTILE[0]}.csv", HOSTILE[0])
    IndexJob.objects.create(asked_by=Author(HOSTILE[0]))
    people = get_user_model().objects.create(
        username=nth(0), first_name=nth(1), last_name=nth(2), is_staff=True
    )
    people.groups.add(Group.objects.create(name=nth(3)))
    SavedFilter.objects.create(
        user=operator, of_list="destinations.destination", name=nth(0, 60), query="q=x"
    )
    token, _text = ApiToken.generate(nth(0, 100))
    token.owner = people
    token.save()
    channel = NoticeChannel.objects.create(name=nth(0), kind="webhook", recipients=list(HOSTILE))
    NoticeChannel.objects.create(name=nth(1), kind="email", recipients=["a@x.example"])
    NoticeLimits.objects.create(destination=made)
    incident = Incident.objects.create(
        key=nth(0),
        event="held",
        destination=made,
        opened_at=now,
        sentences={"en": HOSTILE[0], "de": HOSTILE[1]},
    )
    Notice.objects.create(
        incident=incident, channel=channel, phase="opened", content={"title": HOSTILE[0]}, created_at=now
    )
    Erasure.objects.create(profile_id=HOSTILE[4], asked_by=HOSTILE[0], fingerprint="f" * 64)
    LogEntry.objects.create(
        user=operator, object_id=str(made.pk), object_repr=nth(0), action_flag=2,
        content_type=apps.get_model("contenttypes.ContentType").objects.get_for_model(made),
        change_message=HOSTILE[0],
    )  # fmt: skip
    for model in apps.get_models():
        if model._meta.app_label in APPS and not model._meta.proxy:
            _sweep(model, number)
    found = {}
    for model in apps.get_models():
        row = model._base_manager.order_by("-pk").first() if model._meta.app_label in APPS else None
        if row is not None:
            found[model._meta.label_lower.replace(".", "_")] = row.pk
    return {**found, "destinations_extension": "http_api", "profiles_profile": PROFILE}


def _sweep(model, number):
    """Every text of every row, but for those that programs read, in the ways past all checks."""
    texts = [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField)
        and not isinstance(field, EncryptedJSONField)
        and not (field.choices or field.primary_key or field.is_relation or field.name in OURS)
    ]
    if model is get_user_model():
        texts = [field for field in texts if field.name != "username"]
    for row in model._base_manager.all():
        values = {}
        for field in texts:
            values[field.name] = nth(next(number), field.max_length)
            if field.unique:
                room = None if field.max_length is None else field.max_length - 8
                values[field.name] = f"{nth(next(number), room)}{next(number)}"
        if values:
            model._base_manager.filter(pk=row.pk).update(**values)
