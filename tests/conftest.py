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
from django.template import Template
from xdist.scheduler import LoadFileScheduling

from destinations import configuration
from destinations.connectors import registry
from destinations.connectors.http.manifests import files
from destinations.connectors.testing import RecordingConnector
from destinations.models import Destination, Extension, Resource
from destinations.scheduler import clock_skew
from destinations.sync import push, sessions
from destinations.sync.concurrency import pace, parts
from profiles.models import Profile
from profiles.search import job as indexing
from tests.harness import drop_migrated_postgres, migrated_sqlite
from tracsync.common import jobs

AT_ONCE = min(3 * (os.cpu_count() or 1), 16)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

# What properties are tried with: the same few each time; HYPOTHESIS_PROFILE=thorough tries many others.
# How long an example takes says how busy the machine is.
ANY_SPEED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("quick", **ANY_SPEED, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("thorough", **ANY_SPEED, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# What takes long: first what waits, then what calculates.
BEGUN_FIRST = (
    *("browser/", "faults/", "prove/", "docs/", "services/", "bench/", "processes/", "packaging/"),
    *("test_no_secret_anywhere", "admin/base/test_nonsense", "notation/test_cost", "notation/test_bounds"),
)


def pytest_xdist_auto_num_workers(config):
    """How many processes share the modules: most of them wait for browsers, workers and the clock.

    A few modules, or single tests, are not worth starting processes for.
    """
    modules = {Path(argument.partition("::")[0]) for argument in config.args}
    if all(path.is_file() for path in modules):
        return 0 if len(modules) == 1 else min(len(modules), AT_ONCE)
    return AT_ONCE


class Modules(LoadFileScheduling):
    """A module's tests stay together. Those in the browser share an installation and a browser, each of which
    takes seconds to start, and are done by two processes, however many there are.
    """

    def _split_scope(self, nodeid):
        module = super()._split_scope(nodeid)
        if not module.startswith("tests/browser/"):
            return module
        return "tests/browser, A to I" if module < "tests/browser/test_j" else "tests/browser, J to Z"


def pytest_xdist_make_scheduler(config, log):
    return Modules(config, log) if config.getvalue("dist") == "loadfile" else None


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
    """A module that is begun last and takes long is worked on by one process alone."""
    places = [f"tests/{one}" for one in BEGUN_FIRST]

    def place(item):
        return next((at for at, one in enumerate(places) if item.nodeid.startswith(one)), len(places))

    items.sort(key=place)


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


@pytest.fixture(scope="session", autouse=True)
def widgets_are_not_noted(django_test_environment):
    """Django notes each template of a page, with a copy of its context: a form has hundreds of them."""
    note = Template._render

    def render(self, context):
        is_widget = (self.name or "").startswith(("django/forms/", "admin/widgets/"))
        return self.nodelist.render(context) if is_widget else note(self, context)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Template, "_render", render)
        yield


@pytest.fixture(scope="session", autouse=True)
def parts_of_a_claim_take_turns():
    """However busy the machine is, on SQLite: another thread has a connection of its own, which is refused
    whatever the test's transaction, which never ends, has written. Where it ends they can be tried:
    `django_db(transaction=True)`.
    """
    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "sqlite":
            patch.setattr(parts, "MOST_HELPERS", 0)
            patch.setattr(parts, "OVERDUE", math.inf)
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_done_every_ten_seconds():
    """Mending times and indexing what was left behind: in whichever test that would be; those of it ask."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_skew, "_last", math.inf)
        patch.setattr(indexing, "_looked_at", math.inf)
        yield


@pytest.fixture(autouse=True)
def nothing_known_of_a_destination_outlives_a_test():
    yield
    jobs._resting.clear()
    sessions.close_all()
    pace.paces.clear()
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
