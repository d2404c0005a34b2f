"""However a profile is written, it is found by the name and e-mail address that it has now."""

import io
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from profiles import bulk, changes, names, sql
from profiles.changes import Change, write
from profiles.imports import job as import_jobs
from profiles.models import Profile
from profiles.search import finding, job
from profiles.search.models import IndexJob, SearchWord

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def when_it_was_looked_at_is_put_back(monkeypatch):
    monkeypatch.setattr(job, "_looked_at", job._looked_at)


def document(id="a", name="Sabine Müller", email="sabine@example.com", **more):
    return {"id": id, "name": name, "email": email, **more}


def found(text):
    return [profile.pk for profile in finding.find(text, 20).profiles]


def is_right():
    """Every profile has the columns and words of its document, and nobody else has any."""
    wanted = set()
    for row in Profile.with_deleted.all():
        person = names.NOBODY if row.is_deleted else names.person(row.document)
        assert row.person == person
        assert row.indexed_version == row.version
        wanted |= {(row.pk, word) for word in names.words(person)}
    stored = list(SearchWord.objects.values_list("profile_id", "word"))
    assert sorted(stored) == sorted(wanted)  # each once
    return True


def by_save(document):
    Profile(document=document).save()


def by_write(document):
    write([Change(document["id"], "put", document)])


def by_bulk(document):
    bulk.load(iter([bulk.request_stream.Item(json.dumps(document).encode())]), source=None)


def by_import(document):
    made = import_jobs.receive(io.BytesIO(json.dumps(document).encode()), "file.ndjson")
    while import_jobs.advance(timezone.now()):
        pass
    made.refresh_from_db()
    import_jobs.start(made)
    while import_jobs.advance(timezone.now()):
        pass


@pytest.mark.parametrize("put", [by_save, by_write, by_bulk, by_import])
def test_every_way_of_writing_keeps_the_index(put):
    put(document())
    assert found("mül") == ["a"]
    assert is_right()
    put(document(name="Ida Beck"))
    assert found("mul") == []
    assert found("beck") == ["a"]
    assert is_right()
    put(document(name="Ida Beck", visits=1))
    assert is_right()
    put({"id": "a"})
    assert found("beck") == []
    assert is_right()
    assert not SearchWord.objects.exists()


def test_a_merge_keeps_the_index():
    by_write(document())
    write([Change("a", "patch", {"email": None}), Change("b", "set", {"name": "Ida"})])
    assert found("sabine@") == []
    assert found("sabine") == ["a"]
    assert found("ida") == ["b"]
    assert is_right()


def test_many_changes_of_one_profile_in_a_batch():
    write([Change("a", "put", document(name=name)) for name in ("Ida Beck", "Ada Adler", "Eva Ernst")])
    assert found("eva") == ["a"]
    assert is_right()


def test_a_profile_that_is_read_and_saved():
    by_save(document())
    profile = Profile.objects.get()
    profile.document = document(name="Ida Beck")
    profile.save()
    assert found("ida") == ["a"]
    assert profile.name == "Ida Beck"
    profile.document = document(name="Ida Beck", visits=2)
    profile.save()
    assert is_right()


def test_a_deleted_profile_is_found_no_more_at_once():
    by_save(document())
    by_save(document("b", email="other@example.com"))
    Profile.objects.filter(pk="a").delete()
    assert found("müller") == ["b"]
    tombstone = Profile.with_deleted.get(pk="a")
    assert (tombstone.name, tombstone.email) == ("", "")
    assert not SearchWord.objects.filter(profile="a").exists()
    assert is_right()


@pytest.mark.parametrize("put", [by_save, by_write])
def test_one_that_is_made_again_has_its_new_name_only(put):
    put(document())
    Profile.objects.all().delete()
    put(document(name="Ida Beck"))
    assert found("müller") == []
    assert found("beck") == ["a"]
    assert is_right()


def test_of_a_purged_profile_nothing_is_left():
    by_save(document())
    Profile.with_deleted.all().purge()
    assert not SearchWord.objects.exists()


def statements(act):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


def test_a_save_that_names_nobody_anew_is_one_statement():
    by_save(document())
    profile = Profile.objects.get()
    profile.document = document(visits=1)
    assert len(statements(profile.save)) == 1


def test_a_save_after_the_index_job_has_been_there_in_between():
    """What was read before is not taken for what is stored."""
    as_an_earlier_release(document())
    profile = Profile.objects.get()
    assert profile.name == ""
    job._looked_at = -1e9
    assert job.advance(timezone.now()) == 1
    assert found("müller") == ["a"]
    profile.document = {"id": "a"}
    profile.save()
    assert found("müller") == []
    assert is_right()


def as_an_earlier_release(document):
    """Which knows neither the columns nor the words."""
    by_save(document)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {sql.WORDS}")
        cursor.execute("UPDATE profiles_profile SET name = '', email = '', indexed_version = 0")


def work():
    job._looked_at = -1e9
    while job.advance(timezone.now()):
        pass


def test_what_an_earlier_release_has_written_is_indexed():
    as_an_earlier_release(document())
    assert found("müller") == []
    work()
    assert found("müller") == ["a"]
    assert is_right()


def test_what_an_earlier_release_has_deleted_leaves_the_index():
    by_save(document())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_profile SET document = %s, digest = '', version = version + 1", ['{"id": "a"}']
        )
    assert found("müller") == []
    work()
    assert not SearchWord.objects.exists()
    assert is_right()


def test_all_are_indexed_anew_where_the_paths_have_changed(settings, monkeypatch):
    monkeypatch.setattr(job, "BATCH_SIZE", 10)
    monkeypatch.setattr(job, "READ_AT_ONCE", 3)
    write([Change(f"p{n:02}", "put", {"id": f"p{n:02}", "title": f"Person {n}"}) for n in range(25)])
    Profile.objects.filter(pk="p03").delete()
    assert job.start_if_outdated() is not None
    work()
    assert job.start_if_outdated() is None
    assert found("person") == []

    settings.TRACSYNC_NAME_PATHS = ["title"]
    made = job.start_if_outdated()
    assert (made.total, made.done) == (25, 0)
    assert job.start_if_outdated() is None, "it is under way"
    assert job.advance(timezone.now()) == 10
    made.refresh_from_db()
    assert (made.done, made.after) == (10, "p09")
    assert found("person") == [f"p{n:02}" for n in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
    work()
    made.refresh_from_db()
    assert made.state == made.State.FINISHED
    assert made.done == 25
    assert len(found("person")) == 20
    assert is_right()


def test_a_job_with_other_paths_ends_where_the_paths_change_again(settings):
    by_write(document())
    first = job.start()
    settings.TRACSYNC_NAME_PATHS = ["title"]
    second = job.start_if_outdated()
    first.refresh_from_db()
    assert first.state == first.State.CANCELLED
    work()
    second.refresh_from_db()
    assert second.state == second.State.FINISHED


def test_processes_with_other_paths_leave_a_job_alone(settings):
    by_write(document())
    made = job.start()
    settings.TRACSYNC_NAME_PATHS = ["title"]
    job._looked_at = 1e18
    assert job.advance(timezone.now()) == 0
    made.refresh_from_db()
    assert made.done == 0


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_a_job_that_a_person_stops_stays_so(end):
    by_write(document())
    made = job.start()
    getattr(made, end)()
    work()
    assert job.start_if_outdated() is None
    made.refresh_from_db()
    assert made.done == 0


def test_a_pause_holds_up_also_what_an_earlier_release_has_written():
    as_an_earlier_release(document())
    made = job.start()
    made.pause()
    work()
    assert found("müller") == []
    made.resume()
    work()
    assert is_right()


def test_words_that_an_older_release_folded_otherwise_are_written_anew():
    by_write(document())
    SearchWord.objects.filter(word="muller").delete()
    SearchWord.objects.create(word="mueller", profile_id="a")
    job.start()
    work()
    assert is_right()


def test_the_index_of_an_empty_installation_is_ready_at_once():
    assert job.start_if_outdated().state == IndexJob.State.FINISHED


def test_looking_for_what_is_left_behind_is_rare(django_assert_num_queries):
    work()
    with django_assert_num_queries(1):
        job.advance(timezone.now())
    assert changes.BATCH_SIZE
