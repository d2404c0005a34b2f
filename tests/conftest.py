"""What all tests share: a connector that remembers, and short ways to make things."""

import gc
import math
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import hypothesis
import pytest
import time_machine
from django.db import connection

from destinations import configuration
from destinations.connectors import registry
from destinations.connectors.http.manifests import files
from destinations.connectors.testing import RecordingConnector
from destinations.models import Destination, Extension, Resource
from destinations.scheduler import clock_skew
from destinations.sync import batch, push, sessions
from profiles.models import Profile
from tests.harness import drop_migrated_postgres, migrated_sqlite

AT_ONCE = min(3 * (os.cpu_count() or 1), 16)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

# What properties are tried with: the same few each time; HYPOTHESIS_PROFILE=thorough tries many others.
# How long an example takes says how busy the machine is.
ANY_SPEED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("quick", **ANY_SPEED, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("thorough", **ANY_SPEED, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

WAITING_MOST = ("faults", "services", "prove", "docs", "browser", "packaging", "processes", "bench")


def pytest_xdist_auto_num_workers(config):
    """How many processes share the modules: most of them wait for browsers, workers and the clock.

    A few modules, or single tests, are not worth starting processes for.
    """
    modules = {Path(argument.partition("::")[0]) for argument in config.args}
    if all(path.is_file() for path in modules):
        return 0 if len(modules) == 1 else min(len(modules), AT_ONCE)
    return AT_ONCE


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Thousands of tests are no garbage, and are not looked through for any, now and while they run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    """What waits longest is begun first, so that it does not hold up the end."""
    items.sort(key=lambda item: item.nodeid.split("/", 2)[1] not in WAITING_MOST)


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):  # once, by the process that all others worked for
        drop_migrated_postgres()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """On SQLite what `migrate` makes, once in a run, is there before Django would migrate in each process."""
    if connection.vendor != "sqlite":
        yield
        return
    in_memory = connection.creation._get_test_db_name()
    with (
        closing(sqlite3.connect(migrated_sqlite())) as migrated,
        closing(sqlite3.connect(in_memory, uri=True)) as tests,  # as long as it is open the memory is kept
    ):
        migrated.backup(tests)
        yield


@pytest.fixture(autouse=True)
def parts_of_a_claim_take_turns(monkeypatch):
    """However busy the machine is, on SQLite: another thread has a connection of its own, which is refused
    whatever the test's transaction, which never ends, has written. Where it ends they can be tried:
    `django_db(transaction=True)`.
    """
    if connection.vendor == "sqlite":
        monkeypatch.setattr(push, "MOST_HELPERS", 0)
        monkeypatch.setattr(push, "OVERDUE", math.inf)


@pytest.fixture(autouse=True)
def times_are_not_mended(monkeypatch):
    """Every ten seconds of a process, in whichever test that is; `test_clock_skew` asks for it."""
    monkeypatch.setattr(clock_skew, "_last", math.inf)


@pytest.fixture(autouse=True)
def nothing_known_of_a_destination_outlives_a_test():
    yield
    sessions.close_all()
    batch.paces.clear()
    RecordingConnector.reset()


@pytest.fixture
def recording(request):
    """The recording connector, in the catalogue under its slug."""
    if "transactional_db" in request.fixturenames:
        # It ends by filling the catalogue again, without this one.
        request.getfixturevalue("transactional_db")
    point = EntryPoint(
        "recording", "destinations.connectors.testing:RecordingConnector", "tracsync.connectors"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._declared(), "recording", point)
        registry._loaded.cache_clear()
        yield RecordingConnector
    registry._loaded.cache_clear()


@pytest.fixture
def manifests(tmp_path, monkeypatch):
    """A folder of connectors, looked at anew at every call."""
    folder = tmp_path / "connectors"
    folder.mkdir()
    monkeypatch.setattr(files, "LOOK_EVERY", 0.0)
    before = list(registry._folders)
    registry.use_folder(folder)
    yield folder
    registry._folders[:] = before


@pytest.fixture
def make_resource(db, recording):
    extension, _ = Extension.objects.get_or_create(slug="recording", defaults={"name": "Recording"})
    Extension.objects.filter(pk=extension.pk).update(installed_at=START)
    extension.refresh_from_db()

    def make(name, **fields):
        defaults = {"type": extension, "production": {"token": "s3cr3t-token"}}
        return Resource.objects.create(name=name, **{**defaults, **fields})

    return make


@pytest.fixture
def resource(make_resource):
    return make_resource("memory")


@pytest.fixture
def make_destination(resource):
    """Make a destination that sends id and visits 20 s after the last change, unless told otherwise."""

    def make(name="crm", **fields):
        mapping = {"id": "profile@id", "visits": "profile@stats.visits"}
        defaults = {"resource": resource, "mapping": mapping, "quiet_period": 20}
        made = Destination(name=name, **{**defaults, **fields})
        configuration.save(made)
        return made

    return make


@pytest.fixture
def make_profile(db):
    def make(id="p1", **data):
        profile = Profile(document={"id": id, **data})
        profile.save()
        return profile

    return make


@pytest.fixture
def one_batch(monkeypatch):
    """A task pushes what it was given, and not what has become due by then."""
    monkeypatch.setattr(push, "TASK_SECONDS", -1)


class Clock:
    """A frozen clock that moves when told to."""

    def __init__(self, traveller):
        self.traveller = traveller

    @property
    def now(self):
        return datetime.now(UTC)

    def forward(self, seconds):
        self.traveller.shift(timedelta(seconds=seconds))


@pytest.fixture
def frozen():
    with time_machine.travel(START, tick=False) as traveller:
        yield Clock(traveller)
