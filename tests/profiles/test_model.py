"""Saving one profile: real changes only, the marks, and no lost update."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, NotSupportedError, connection
from django.db.models.signals import post_save, pre_save
from django.test.utils import CaptureQueriesContext

from profiles.documents import InvalidDocument
from profiles.models import Profile, ProfileConflict

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def saved():
    """What post_save has been told: whether created, and the version, of each save."""
    calls = []

    def receive(instance, created, raw, **_):
        calls.append((created, instance.version, raw))

    post_save.connect(receive, sender=Profile)
    yield calls
    post_save.disconnect(receive, sender=Profile)


def marks(id="a"):
    profile = Profile.objects.get(pk=id)
    return profile.version, profile.changed_at, profile.first_changed_at


def test_a_new_profile(saved):
    with time_machine.travel(START, tick=False):
        profile = Profile.objects.create(document={"id": "a", "n": 1})
    assert (profile.pk, profile.version, profile.is_settled) == ("a", 1, False)
    assert Profile.objects.get(pk="a").document == {"id": "a", "n": 1}
    assert marks() == (1, START, START)
    assert saved == [(True, 1, False)]


def test_an_id_is_generated_or_taken_from_the_instance():
    generated = Profile.objects.create(document={"n": 1})
    assert len(generated.pk) == 36
    assert Profile.objects.get(pk=generated.pk).document == {"id": generated.pk, "n": 1}
    assert Profile.objects.create(id="given", document={}).document == {"id": "given"}


@pytest.mark.parametrize("id", ["x" * 255, "😀" * 255, "ä/b %?#&", " "])
def test_any_text_is_an_id(id):
    Profile.objects.create(document={"id": id})
    assert Profile.objects.get(pk=id).document == {"id": id}


def test_the_marks_of_a_burst(saved):
    with time_machine.travel(START, tick=False) as clock:
        profile = Profile.objects.create(document={"id": "a"})
        for n in range(3):
            clock.shift(1)
            profile.document["n"] = n
            profile.save()
    assert marks() == (4, START + timedelta(seconds=3), START)
    assert [version for _, version, _ in saved] == [1, 2, 3, 4]


def test_a_new_burst_begins_after_settling():
    with time_machine.travel(START, tick=False) as clock:
        profile = Profile.objects.create(document={"id": "a"})
        Profile.objects.update_marks(first_changed_at=None)
        clock.shift(60)
        profile.document["n"] = 1
        profile.save()
    later = START + timedelta(seconds=60)
    assert marks() == (2, later, later)


@pytest.mark.parametrize(
    "equal", [{"n": 1.0, "id": "a", "t": {"x": 1, "y": 2}}, {"t": {"y": 2, "x": 1}, "n": 1}]
)
def test_an_equal_document_changes_nothing(saved, equal):
    profile = Profile.objects.create(document={"id": "a", "n": 1, "t": {"x": 1, "y": 2}})
    before = marks()
    profile.document = equal
    with CaptureQueriesContext(
        connection,
    ) as queries:
        profile.save()
    assert not [query for query in queries if "SAVEPOINT" not in query["sql"]]
    assert marks() == before
    assert len(saved) == 1


def test_true_is_not_1(saved):
    profile = Profile.objects.create(document={"id": "a", "n": 1})
    profile.document["n"] = True
    profile.save()
    assert profile.version == 2
    assert Profile.objects.get().document["n"] is True


def test_a_profile_read_again_is_unchanged(saved):
    numbers = [1.0, 1e22, 1e23, 1e300, -0.0, 5e-324, 0.1, 2**53 + 1, 10**308, 1.5e-7]
    Profile.objects.create(document={"id": "a", "numbers": numbers, "text": "\x01\u2028é😀\\u0000"})
    Profile.objects.get().save()
    assert len(saved) == 1


def test_a_new_instance_replaces_the_stored_document(saved):
    with time_machine.travel(START, tick=False) as clock:
        Profile.objects.create(document={"id": "a", "n": 1, "old": True})
        clock.shift(1)
        profile = Profile(document={"id": "a", "n": 2})
        profile.save()
    assert (profile.version, profile.created_at) == (2, START)
    assert Profile.objects.get().document == {"id": "a", "n": 2}
    assert [created for created, _, _ in saved] == [True, False]


def test_a_stale_instance_is_refused(saved):
    Profile.objects.create(document={"id": "a", "n": 1})
    one, other = Profile.objects.get(), Profile.objects.get()
    one.document["one"] = 1
    one.save()
    other.document["other"] = 1
    with pytest.raises(ProfileConflict):
        other.save()
    assert Profile.objects.get().document == {"id": "a", "n": 1, "one": 1}
    assert len(saved) == 2


def test_a_deleted_profile_is_not_brought_back():
    profile = Profile.objects.create(document={"id": "a"})
    Profile.objects.all().delete()
    profile.document["n"] = 1
    with pytest.raises(ProfileConflict):
        profile.save()
    assert not Profile.objects.exists()


def test_one_that_somebody_deletes_at_the_same_moment(monkeypatch):
    monkeypatch.setattr(Profile, "_create", lambda self, digest, using: False)
    with pytest.raises(ProfileConflict, match="deleted"):
        Profile(document={"id": "a", "n": 2}).save()
    assert not Profile.objects.exists()


@pytest.mark.parametrize("document", [{"id": ""}, {"id": 5}, [], None, {"n": float("nan")}, {"n": (1,)}])
def test_a_refused_document_is_not_saved(document, saved):
    with pytest.raises(InvalidDocument):
        Profile.objects.create(document=document)
    assert not Profile.objects.exists()
    assert not saved


def test_the_id_of_a_stored_profile_stays():
    profile = Profile.objects.create(document={"id": "a"})
    profile.document = {"id": "b"}
    with pytest.raises(InvalidDocument):
        profile.save()


def test_a_form_shows_what_is_wrong():
    with pytest.raises(ValidationError) as refused:
        Profile(document={"id": "a", "n": "\0"}).full_clean()
    assert refused.value.message_dict["document"] == ["text with a null byte cannot be stored"]


@pytest.fixture
def signals():
    """The signals that were sent, and what each was told."""
    calls = []

    def before(sender, signal, instance, **told):
        calls.append(("pre_save", told))

    def after(sender, signal, instance, **told):
        calls.append(("post_save", told))

    pre_save.connect(before, sender=Profile)
    post_save.connect(after, sender=Profile)
    yield calls
    pre_save.disconnect(before, sender=Profile)
    post_save.disconnect(after, sender=Profile)


def test_the_signals_are_told_what_django_tells(signals):
    told = {"raw": False, "using": "default", "update_fields": None}
    profile = Profile.objects.create(document={"id": "a"})
    assert signals == [("pre_save", told), ("post_save", {**told, "created": True})]
    signals.clear()
    profile.document["n"] = 1
    profile.save(update_fields=["document"])
    told["update_fields"] = frozenset({"document"})
    assert signals == [("pre_save", told), ("post_save", {**told, "created": False})]
    signals.clear()
    profile.save()
    assert [name for name, _ in signals] == ["pre_save"]


def test_what_a_receiver_of_pre_save_writes_is_saved():
    def stamp(instance, **_):
        instance.document["stamped"] = True

    pre_save.connect(stamp, sender=Profile)
    try:
        Profile.objects.create(document={"id": "a"})
    finally:
        pre_save.disconnect(stamp, sender=Profile)
    assert Profile.objects.get().document == {"id": "a", "stamped": True}


def test_an_insert_that_is_forced_replaces_nothing(saved):
    Profile.objects.create(document={"id": "a"})
    for save in (
        Profile(document={"id": "a", "n": 1}).save,
        Profile.objects.get().save,
    ):
        with pytest.raises(IntegrityError):
            save(force_insert=True)
    with pytest.raises(IntegrityError):
        Profile.objects.create(document={"id": "a", "n": 1})
    assert Profile.objects.get().document == {"id": "a"}
    assert len(saved) == 1


def test_an_insert_that_is_forced_brings_a_deleted_profile_back(saved):
    profile = Profile.objects.create(document={"id": "a", "n": 1})
    profile.document["n"] = 2
    profile.save()
    Profile.objects.all().delete()
    profile.save(force_insert=True)
    assert (marks()[0], Profile.objects.get().document["n"]) == (4, 2)
    assert saved[-1][0]


@pytest.mark.parametrize("forced", [{"force_update": True}, {"update_fields": ["document"]}])
def test_an_update_that_is_forced_creates_nothing(saved, forced):
    with pytest.raises(DatabaseError):
        Profile(document={"id": "a"}).save(**forced)
    profile = Profile.objects.create(document={"id": "a"})
    Profile.objects.all().delete()
    for document in ({"id": "a"}, {"id": "a", "n": 1}):
        profile.document = document
        with pytest.raises(DatabaseError):
            profile.save(**forced)
    assert not Profile.objects.exists()
    assert len(saved) == 1


@pytest.mark.parametrize("forced", [{"force_update": True}, {"update_fields": ["document"]}])
def test_an_update_that_is_forced_keeps_the_marks(saved, forced):
    Profile.objects.create(document={"id": "a"})
    profile = Profile.objects.get()
    for n, save in enumerate((profile.save, Profile(document={"id": "a"}).save)):
        save.__self__.document["n"] = n
        save(**forced)
        save(**forced)
    assert (marks()[0], Profile.objects.get().document) == (3, {"id": "a", "n": 1})
    assert len(saved) == 3


@pytest.mark.parametrize("fields", [["version"], ["document", "nothing"], ["document", "id"], "document"])
def test_only_the_document_is_for_callers_to_save(fields, signals):
    with pytest.raises(ValueError, match="only the document"):
        Profile(document={"id": "a"}).save(update_fields=fields)
    assert signals == []


@pytest.mark.parametrize("update", [{"force_update": True}, {"update_fields": ["document"]}])
def test_to_insert_and_to_update_is_nonsense(update):
    with pytest.raises(ValueError, match="both insert and updat"):
        Profile(document={"id": "a"}).save(force_insert=True, **update)
    assert not Profile.objects.exists()


def test_no_fields_to_update_are_no_save(signals):
    Profile(document=None).save(update_fields=[])
    assert signals == []


def test_get_or_create(saved):
    made = Profile.objects.get_or_create(id="a", defaults={"document": {"n": 1}})
    found = Profile.objects.get_or_create(id="a", defaults={"document": {"n": 2}})
    assert [created for _, created in (made, found)] == [True, False]
    assert (marks()[0], found[0].document) == (1, {"id": "a", "n": 1})
    assert len(saved) == 1


def test_update_or_create(saved):
    for n, created in ((1, True), (1, False), (2, False)):
        profile, was_created = Profile.objects.update_or_create(id="a", defaults={"document": {"n": n}})
        assert was_created is created
    assert (marks()[0], Profile.objects.get().document) == (2, {"id": "a", "n": 2})
    assert profile.version == 2
    assert len(saved) == 2


@pytest.mark.parametrize(
    "write",
    [
        lambda: Profile.objects.update(document={"id": "a", "n": 1}),
        lambda: Profile.objects.filter(pk="a").update(first_changed_at=None),
        lambda: Profile.objects.bulk_create([Profile(document={"id": "b"})]),
        lambda: Profile.objects.bulk_update(Profile.objects.all(), ["document"]),
        lambda: async_to_sync(Profile.objects.all().aupdate)(document={"id": "a", "n": 1}),
    ],
)
def test_what_nobody_would_be_told_of_is_refused(write):
    Profile.objects.create(document={"id": "a"})
    before = marks()
    with pytest.raises(NotSupportedError, match=r"profiles\.changes\.write"):
        write()
    assert marks() == before
    assert Profile.objects.get().document == {"id": "a"}


def test_marks_are_written_in_one_statement():
    Profile.objects.create(document={"id": "a"})
    found = Profile.objects.filter(pk="a")
    assert statements(lambda: found.update_marks(first_changed_at=None)) == ["UPDATE"]
    assert Profile.objects.get().is_settled


def statements(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    return [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_the_statements_of_a_save():
    profile = Profile(document={"id": "a"})
    assert statements(profile.save) == ["INSERT"]
    profile.document["n"] = 1
    assert statements(profile.save) == ["UPDATE"]
    assert statements(Profile(document={"id": "a"}).save) == ["INSERT", "SELECT", "UPDATE"]
    profile = Profile.objects.get()
    profile.document["n"] = 2
    assert statements(lambda: profile.save(update_fields=["document"])) == ["UPDATE"]
