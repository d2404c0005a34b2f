"""Rows are read as Django reads them, only quicker."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DataError, connection, models

from destinations.models import DeliveryAttempt, Destination, Health, ProfileSync
from profiles.models import Profile
from tracsync.common.loading import LoadedQuickly

pytestmark = pytest.mark.django_db
MODELS = [Profile, ProfileSync, Destination, Health]
AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def sync(make_destination):
    destination = make_destination()
    profile = Profile.objects.create(id="p", document={"id": "p"})
    return ProfileSync.objects.create(profile=profile, destination=destination)


def as_django_reads(model, queryset):
    """The same rows by Django's own `from_db`."""
    read = LoadedQuickly.__dict__["from_db"]
    LoadedQuickly.from_db = classmethod(models.Model.from_db.__func__)
    try:
        return list(queryset.all())
    finally:
        LoadedQuickly.from_db = read


def state_of(row):
    values = {name: value for name, value in vars(row).items() if name != "_state"}
    return values, row._state.db, row._state.adding, row.get_deferred_fields()


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.__name__)
def test_whole_and_deferred_rows_are_as_django_reads_them(model, sync):
    own = model._default_manager.order_by()
    other = next(field.name for field in model._meta.concrete_fields if not field.primary_key)
    for queryset in (own, own.defer(other), own.only(other)):
        [expected] = as_django_reads(model, queryset)
        [found] = queryset.all()
        assert state_of(found) == state_of(expected)
        assert found == expected
        assert type(found) is model


def test_what_is_deferred_is_read_when_it_is_asked_for(sync):
    row = ProfileSync.objects.defer("state").get()
    assert row.get_deferred_fields() == {"state"}
    assert row.state == "pending"
    row.refresh_from_db()
    assert row.get_deferred_fields() == set()


def test_related_rows_and_saving_work_as_ever(sync):
    row = ProfileSync.objects.select_related("profile", "destination__health").get()
    assert row.profile.pk == "p"
    assert row.destination.health.destination is row.destination
    row.state = "skipped"
    row.save()
    assert ProfileSync.objects.get().state == "skipped"


def test_a_new_row_is_as_django_makes_it(sync):
    columns = {
        "profile_id": "p",
        "destination_id": sync.destination_id,
        "version": 1,
        "at": AT,
        "duration_ms": 1,
    }
    made, expected = DeliveryAttempt.new(**columns), DeliveryAttempt(**columns)
    assert state_of(made) == state_of(expected)
    made.save()
    assert DeliveryAttempt.objects.get(pk=made.pk).at == AT


def test_no_model_that_is_read_so_has_an_init_of_its_own():
    for model in [*MODELS, DeliveryAttempt]:
        assert issubclass(model, LoadedQuickly)
        assert model.__init__ is models.Model.__init__


@pytest.mark.skipif(connection.vendor != "postgresql", reason="how moments of PostgreSQL are read")
class TestMoments:
    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-27 15:13:31.489694+00",
            "2026-11-27 15:13:31.5+00",
            "2026-11-27 15:13:31+00",
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59.999999+00",
            "2026-11-27 17:13:31+02",
        ],
    )
    def test_a_moment_is_of_utc(self, text):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::timestamptz, NULL::timestamptz", [text])
            [(found, nothing)] = cursor.fetchall()
        assert found == datetime.fromisoformat(text)
        assert found.tzinfo is UTC
        assert nothing is None

    @pytest.mark.parametrize("text", ["infinity", "0044-03-15 00:00:00+00 BC"])
    def test_what_python_does_not_know_is_said_in_words(self, text):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::timestamptz", [text])
            with pytest.raises(DataError, match="timestamp too"):
                cursor.fetchall()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="how moments of SQLite are read")
@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27 15:13:31.489694",
        "2026-11-27 15:13:31",
        "0001-01-01 00:00:00",
        None,
        "2026-11-27 15:13:31+00:00",
    ],
)
def test_a_text_of_sqlite_is_a_moment_of_utc(sync, text):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE destinations_profilesync SET due_at = %s", [text])
    [found] = ProfileSync.objects.values_list("due_at", flat=True)
    assert found == (text and datetime.fromisoformat(text).replace(tzinfo=UTC))
    assert found is None or found.utcoffset() == timedelta(0)
    latest = ProfileSync.objects.aggregate(latest=models.Max("due_at"))["latest"]
    assert latest == found
