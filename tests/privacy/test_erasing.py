"""A person who is erased: what destinations are asked for, and that nothing is left anywhere."""

import json
import logging
import re
import zlib

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import CharField, JSONField, QuerySet, TextField
from django.utils import timezone

from destinations.connectors.base import Accepted, Exchange, Rejected
from destinations.models import (
    Account,
    Arrival,
    Audit,
    AuditFinding,
    Backfill,
    DeliveryAttempt,
    Destination,
    Health,
    ProfileSync,
    Replay,
)
from destinations.operations import actions
from destinations.scheduler import loop
from profiles.changes import Change, write_one
from profiles.imports import refused
from profiles.imports.models import ImportChunk, ImportJob, RefusedRecords
from profiles.models import Profile
from profiles.search.models import IndexJob, SearchWord
from tests.ticking import run_all
from tracsync.common.encryption import EncryptedJSONField
from tracsync.models import (
    ApiToken,
    Erasure,
    Incident,
    KeptAnswer,
    Notice,
    NoticeChannel,
    SavedFilter,
    TrailEntry,
)
from tracsync.privacy import erasing, steps
from tracsync.privacy.person import Person

pytestmark = pytest.mark.django_db

ID, EMAIL, VALUE = "p-m4rk3r/1", "Ad4.M4rk3r@people.example", "m4rk3r-value"
OTHER = "somebody-else"
MARKER = re.compile("m4rk3r", re.IGNORECASE)


@pytest.fixture
def save(frozen):
    def save(id=ID, **data):
        return write_one(Change(id, "put", {"id": id, **data}))

    return save


@pytest.fixture
def send(frozen):
    def send():
        frozen.forward(20)
        run_all()

    return send


def states(erasure):
    return {step["name"]: step["state"] for step in erasure.steps}


def test_each_destination_erases_or_removes_whatever_is_set_there(make_destination, recording, save, send):
    keeps, never = (
        make_destination(on_delete="keep"),
        make_destination("never", prerequisites="profile@x EXISTS"),
    )
    save()
    save(OTHER)
    send()
    erasure = erasing.request(ID, "ana")
    assert (states(erasure), erasure.profile_id) == ({"crm": "waiting"}, ID)
    run_all()  # at once, not after a quiet period
    assert (recording.deliveries[-1].operation, recording.deliveries[-1].key) == ("erase", ID)
    assert keeps.on_delete == "keep"
    assert never.name not in states(erasure)
    finished = erasing.look(erasure)
    assert (states(finished), finished.steps[0]["operation"]) == ({"crm": "done"}, "erase")
    assert (finished.profile_id, finished.finished_at is not None) == ("", True)
    assert finished.is_of(ID)
    assert not finished.is_of(OTHER)
    assert [*Profile.with_deleted.values_list("pk", flat=True)] == [OTHER]
    assert ProfileSync.objects.filter(profile=OTHER, state="synced").exists()


def test_what_cannot_erase_removes_and_what_can_do_neither_is_for_a_person(
    make_destination, recording, save, send, monkeypatch
):
    make_destination()
    save()
    recording.script(Accepted({"id": "4711"}))
    send()
    monkeypatch.setattr(recording, "operations", ("upsert", "remove"))
    erasing.request(ID, "ana")
    run_all()
    assert recording.deliveries[-1].operation == "remove"
    assert erasing.look_at_all() == 1
    save()
    recording.script(Accepted({"id": "4711"}))
    send()
    monkeypatch.setattr(recording, "operations", ("upsert",))
    asked = len(recording.deliveries)
    erasure = erasing.request(ID, "ana")
    run_all()
    erasure = erasing.look(erasure)
    assert (states(erasure), len(recording.deliveries)) == ({"crm": "by_hand"}, asked)
    to_do = steps.what_to_do(erasure.steps[0], steps.remote_ids(ID)[erasure.steps[0]["destination"]])
    assert "delete the record 4711 there" in to_do
    assert erasing.look_at_all() == 0  # until somebody says so
    finished = erasing.finish(erasure, "eva")
    assert (states(finished), finished.closed_by) == ({"crm": "done_by_hand"}, "eva")
    assert not Profile.with_deleted.exists()


def test_one_that_refuses_or_is_off_is_on_the_receipt_with_what_to_do(
    make_destination, recording, save, send
):
    off = make_destination("off")
    make_destination("refuses")
    save()
    send()
    actions.disable(off)
    recording.script(Rejected("locked", code="conflict", exchange=Exchange(status=409)))
    erasure = erasing.request(ID, "ana")
    run_all()
    erasure = erasing.look(erasure)
    assert states(erasure) == {"off": "waiting", "refuses": "refused"}
    told = {step["name"]: (step["code"], step["status"], steps.what_to_do(step)) for step in erasure.steps}
    assert told["refuses"][:2] == ("conflict", 409)
    assert "has refused (conflict)" in told["refuses"][2]
    assert "If it is off, paused or never answers" in told["off"][2]
    assert erasing.request(ID, "eva").pk == erasure.pk  # asked twice it is one
    actions.enable(off)
    actions.replay(ProfileSync.objects.filter(profile=ID, destination__name="refuses"))
    run_all()
    assert states(erasing.look(erasure)) == {"off": "done", "refuses": "done"}


def test_a_push_under_way_is_followed_by_the_erasure(make_destination, recording, save, send):
    make_destination()
    save()
    begun = []

    def erase(deliveries):
        recording.during_push = None
        begun.append(erasing.request(ID, "ana"))
        with pytest.raises(erasing.CannotErase, match="being told at this moment"):
            erasing.finish(begun[0], "ana")

    recording.during_push = erase
    send()
    assert [one.operation for one in recording.deliveries] == ["upsert", "erase"]
    assert states(erasing.look(begun[0])) == {"crm": "done"}
    assert not Profile.with_deleted.exists()


def test_who_is_made_again_meanwhile_stays_and_the_receipt_says_so(make_destination, recording, save, send):
    destination = make_destination()
    save()
    send()
    actions.pause(destination)
    erasure = erasing.request(ID, "ana")
    save(visits=1)
    found = erasing.look(erasure)
    assert (found.came_back, found.profile_id) == (True, "")
    actions.resume(destination)
    send()
    assert recording.deliveries[-1].operation == "upsert"
    assert not ProfileSync.objects.get().erasing
    again = erasing.request(ID, "ana")
    assert again.pk != erasure.pk


def test_one_deleted_before_is_erased_and_the_receipt_says_what_is_not_known(make_destination, save, send):
    make_destination()
    save()
    send()
    Profile.objects.all().delete()
    erasure = erasing.request(ID, "ana")
    assert (erasure.was_deleted, erasure.steps, erasure.profile_id) == (True, [], "")
    assert not Profile.with_deleted.exists()


def plant(destination, save):
    """The person in every place that keeps something; what else is there."""
    document = {"email": EMAIL, "name": VALUE, "profile": ID}
    for id in (ID, OTHER):
        DeliveryAttempt.objects.create(
            **{"profile_id": id, "destination": destination, "idempotency_key": "k", "version": 1},
            **{"at": timezone.now(), "duration_ms": 1, "outcome": "accepted"},
            **{"reason": f"{EMAIL} is taken", "request": {"body": [VALUE]}, "response": {"body": VALUE}},
        )
    ProfileSync.objects.filter(profile=OTHER).update(last_error=f"same as {EMAIL}")
    Arrival.objects.create(user="1", at=timezone.now(), content=document)
    job = {"destination": destination, "finished_at": timezone.now()}
    audit = Audit.objects.create(**job, after=ID, chosen=[ID, OTHER])
    Backfill.objects.create(**job, after=ID)
    AuditFinding.objects.create(audit=audit, profile_id=ID, kind="missing")
    done = ImportJob.objects.create(
        name="people.json", finished_at=timezone.now(), errors=[[1, f"{ID} is bad"]]
    )
    lines = [(1, "no", json.dumps(document)), (2, "no", '{"id": "kept"}')]
    RefusedRecords.objects.create(job=done, number=0, data=refused.packed(lines))
    token, _text = ApiToken.generate("planted")
    token.save()
    answer = {"headers": {}, "body": json.dumps(document)}
    KeptAnswer.objects.create(token=token, key="a", fingerprint="f", begun_at=timezone.now(), answer=answer)
    SavedFilter.objects.create(
        user_id=user().pk, of_list="profiles.profile", name="hers", query="q=ad4.m4rk3r%40people.example"
    )
    entry = {"user_id": user().pk, "action_flag": CHANGE, "content_type": ContentType.objects.first()}
    LogEntry.objects.create(**entry, object_id=ID, object_repr=ID, change_message="")
    LogEntry.objects.create(**entry, object_id="1", object_repr=f"{ID} → 1", change_message="")
    session = SessionStore()
    session["_auth_user_id"], session["_messages"] = "1", json.dumps([f"{ID} was saved"])
    session.save()
    Health.objects.update_or_create(destination=destination, defaults={"hold_reason": f"{EMAIL}: 401"})
    Account.objects.get_or_create(resource=destination.resource, use_test=False)
    Replay.objects.create(**job, choice={"of": "syncs"})
    IndexJob.objects.create(fingerprint="f")
    incident = Incident.objects.create(key="k", event="held", opened_at=timezone.now())
    channel = NoticeChannel.objects.create(name="ops", kind="webhook")
    Notice.objects.create(incident=incident, channel=channel, phase="opened", created_at=timezone.now())
    TrailEntry.objects.create(actor_kind="person", face="admin", action="changed", object_id=ID, object=ID)


def user():
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get_or_create(username="ana")[0]


# What nothing of a person comes to, each with the reason. Of every other column the test finds out by itself:
# a new one is planted, and has to be cleared by `traces.forget` or to be named here.
BY_HAND = "written by hand, as docs/privacy.md says"
STAFF = "whoever works with tracsync"
OURS = "words, keys and hashes of tracsync's own"
NOT_PLANTED = {
    **dict.fromkeys(("Destination", "DestinationVersion", "Resource", "ResourceVersion"), BY_HAND),
    **dict.fromkeys(("SavedFilter.of_list",), BY_HAND),
    **dict.fromkeys(("TrailEntry.actor_kind", "TrailEntry.actor_id", "TrailEntry.actor"), STAFF),
    **dict.fromkeys(
        ("TrailEntry.face", "TrailEntry.request_id", "TrailEntry.action", "TrailEntry.kind"), OURS
    ),
    **dict.fromkeys(("Extension", "KnownFields", "AccessToken", "AuthorisationRequest"), "of systems"),
    **dict.fromkeys(("NoticeChannel", "Arrival.user"), STAFF),
    **dict.fromkeys(("SecondFactor", "BackupCode", "Identity"), STAFF),
    **dict.fromkeys(("User", "Group", "Permission", "ApiToken", "Preferences"), STAFF),
    **dict.fromkeys(("AccessAttempt", "AccessFailureLog", "AccessLog"), STAFF),
    **dict.fromkeys(("Heartbeat", "ContentType", "Task", "Schedule", "OrmQ"), "ids and names of our own"),
    **dict.fromkeys(("ImportJob.options", "ImportJob.samples", "ImportJob.checked"), "places and counts"),
    **dict.fromkeys(("ImportJob.phase", "ImportJob.problem"), OURS),
    **dict.fromkeys(("IndexJob.fingerprint", "KeptAnswer.fingerprint"), OURS),
    **dict.fromkeys(("AuditFinding.kind", "Audit.problem", "Replay.kind"), OURS),
    **dict.fromkeys(("Health.usage", "Account.usage", "Account.told"), "figures"),
    **dict.fromkeys(("Incident.event", "Incident.acknowledged_by", "Incident.muted_by"), STAFF),
    **dict.fromkeys(("Notice.phase", "Notice.state", "Notice.problem"), OURS),
    **dict.fromkeys(("ProfileSync", "DeliveryAttempt", "Profile"), "planted by a push"),
    **dict.fromkeys(("ImportChunk", "RefusedRecords", "Session"), "packed: planted below, or refused"),
    **dict.fromkeys(("Erasure",), "what is asked for"),
}
TEXTS = (CharField, TextField, JSONField)


def columns_to_plant():
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy:
            continue
        for field in model._meta.local_concrete_fields:
            name = model._meta.object_name
            is_text = isinstance(field, TEXTS) and not field.primary_key and not field.remote_field
            if is_text and field.name != "asked_by" and not {name, f"{name}.{field.name}"} & set(NOT_PLANTED):
                yield model, field


def plant_columns():
    """The id into every column of every table that may hold a text; answers which."""
    planted = set()
    for model, field in columns_to_plant():
        assert model._default_manager.exists(), f"{model._meta.label} is never planted: plant() makes none"
        row = model._default_manager.order_by("-pk").first()
        was = getattr(row, field.attname)
        is_json = isinstance(field, JSONField | EncryptedJSONField)
        value = [*was, ID] if isinstance(was, list) else ({**(was or {}), "who": ID} if is_json else ID)
        # The trail's own manager would refuse it.
        QuerySet.update(model._default_manager.filter(pk=row.pk), **{field.name: value})
        planted.add(model._meta.label)
    return planted


def everything():
    """All rows of all tables as they are stored, and all that is encrypted or compressed in them, opened."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield table, str(row)
    for model in apps.get_models():
        for row in model._default_manager.all():
            for field in model._meta.concrete_fields:
                value = getattr(row, field.attname)
                if isinstance(value, bytes | memoryview):
                    value = zlib.decompress(bytes(value))
                yield model._meta.label, str(value)
    for session in Session.objects.all():
        yield "sessions", str(session.get_decoded())


def found():
    return {place for place, text in everything() if MARKER.search(text)}


def test_nothing_of_the_person_is_left_anywhere(make_destination, recording, save, send, caplog, settings):
    caplog.set_level(logging.DEBUG)
    settings.TRACSYNC_ATTEMPT_BODIES = "all"
    destination = make_destination(mapping={"id": "profile@id", "name": "profile@name"})
    save(email=EMAIL, name=VALUE)
    save(OTHER)
    exchange = Exchange(request={"body": VALUE}, response={"body": EMAIL})
    recording.script(Accepted({"id": "m4rk3r-remote"}, exchange=exchange), Accepted(exchange=exchange))
    send()
    plant(destination, save)
    columns = plant_columns()
    planted = found()
    assert columns <= planted
    models = (
        Profile,
        ProfileSync,
        DeliveryAttempt,
        Arrival,
        KeptAnswer,
        LogEntry,
        SavedFilter,
        RefusedRecords,
    )
    assert {one._meta.label for one in (*models, Audit, AuditFinding, Backfill, ImportJob, Health)} <= planted
    assert {"sessions", SearchWord._meta.label} <= planted
    erasure = erasing.request(ID, "ana")
    # Until the destination is done: what it has to be told, and nothing else.
    waiting = {Profile._meta.label, ProfileSync._meta.label, Erasure._meta.label}
    tables = {one._meta.db_table for one in (Profile, ProfileSync, Erasure)}
    assert found() <= waiting | tables
    recording.script(Accepted(exchange=Exchange(request={"body": ID}, response={"body": ID})))
    run_all()
    assert DeliveryAttempt._meta.label in found()  # the push that told it
    assert erasing.look(erasure).finished_at is not None
    assert found() == set()
    assert "m4rk3r" not in caplog.text.lower()
    # What is others' is there.
    assert Session.objects.get().get_decoded() == {"_auth_user_id": "1"}
    assert [line for _n, _r, line in refused.unpacked(bytes(RefusedRecords.objects.get().data))] == [
        '{"id": "kept"}'
    ]
    assert (Audit.objects.get().chosen, Destination.objects.count()) == ([OTHER], 1)
    assert DeliveryAttempt.objects.filter(profile=OTHER).exists()
    assert not Notice.objects.exists()


def test_an_import_that_would_bring_the_person_back_is_ended_first(save):
    save()
    job = ImportJob.objects.create(name="people.json", size=100)
    pieces = b'{"id": "p-m4', b'rk3r/1"}\n'
    for number, piece in enumerate(pieces):
        ImportChunk.objects.create(job=job, number=number, data=zlib.compress(piece))
    with pytest.raises(erasing.CannotErase, match=f"import {job.pk} is not finished"):
        erasing.request(ID, "ana")
    assert Profile.objects.filter(pk=ID).exists()
    job.cancel()
    assert erasing.request(ID, "ana").finished_at is not None


def test_a_workbook_that_is_not_read_yet_may_name_anybody(save):
    save()
    job = ImportJob.objects.create(name="people.xlsx", options={"workbook": {"sheet": "", "tries": 0}})
    with pytest.raises(erasing.CannotErase, match=f"import {job.pk} is not finished"):
        erasing.request(ID, "ana")


def test_a_replay_that_names_the_person_is_ended_first(make_destination, save):
    replay = Replay.objects.create(destination=make_destination(), choice={"of": "syncs", "q": ID})
    save()
    with pytest.raises(erasing.CannotErase, match=f"replay {replay.pk} is not finished and names"):
        erasing.request(ID, "ana")
    replay.cancel()
    assert erasing.request(ID, "ana").finished_at is not None
    assert not Replay.objects.exists()


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("Müller & Söhne/1", True),
        (["x", {"id": "Müller & Söhne/1"}], True),
        ('{"id": "M\\u00fcller & S\\u00f6hne/1"}', True),
        ("?profile=M%C3%BCller+%26+S%C3%B6hne%2F1", True),
        ("M\u00fcller &amp; S\u00f6hne/1".encode(), True),
        ("MÜLLER@EXAMPLE.COM", True),
        ("Müller & Söhne/12", False),
        ("xmüller@example.com", False),
    ],
)
def test_a_person_is_found_however_it_is_spelt_and_only_as_a_whole_word(text, is_in):
    assert Person("Müller & Söhne/1", "müller@example.com").is_in(text) is is_in


def test_the_command_asks_waits_and_tells_what_to_do(make_destination, save, send, capsys, monkeypatch):
    make_destination()
    save(email=EMAIL)
    send()
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase", ID)
    with pytest.raises(CommandError, match="Name a profile, or a --receipt"):
        call_command("erase")
    with pytest.raises(CommandError, match="There is no profile"):
        call_command("erase", "nobody", "--yes")
    with pytest.raises(CommandError, match=r"Not all are done: .*--receipt"):
        call_command("erase", ID, "--yes")
    assert "No worker is running" in capsys.readouterr().out
    erasure = Erasure.objects.get()
    monkeypatch.setattr(loop, "is_alive", lambda: True)
    monkeypatch.setattr("time.sleep", lambda seconds: run_all())
    call_command("erase", ID, "--yes")
    told = capsys.readouterr().out
    assert f"Receipt {erasure.pk}, asked for by command line" in told
    assert "crm: done erase" in told
    assert "Nothing of the person is left here." in told
    call_command("erase", "--receipt", str(erasure.pk), "--finish")
    with pytest.raises(CommandError, match="There is no receipt"):
        call_command("erase", "--receipt", "00000000-0000-0000-0000-000000000000")
