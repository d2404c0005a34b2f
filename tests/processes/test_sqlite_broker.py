"""The queue in an SQLite file: asked when something was written, and now and then."""

import sqlite3

import pytest
from django.db import connection
from django_q.brokers.orm import ORM
from django_q.conf import Conf

from tracsync.processes import sqlite_broker
from tracsync.processes.sqlite_broker import SQLiteBroker

pytestmark = pytest.mark.django_db


@pytest.fixture
def looks(monkeypatch):
    """What each look into the queue finds; those that nobody asked for are left."""
    found = []
    monkeypatch.setattr(Conf, "POLL", 0)
    monkeypatch.setattr(ORM, "dequeue", lambda _: found.pop(0))
    return found


@pytest.fixture
def version(monkeypatch):
    found = [1]
    monkeypatch.setattr(SQLiteBroker, "_data_version", lambda _: (None, found[0]))
    return found


def test_an_empty_queue_is_asked_again_after_a_write(looks, version):
    broker = SQLiteBroker()
    looks += [None, [(1, "task")], [(2, "task")], None]
    assert broker.dequeue() is broker.dequeue() is None
    assert len(looks) == 3
    version[0] += 1
    assert broker.dequeue() == [(1, "task")]
    assert broker.dequeue() == [(2, "task")]  # there may be more
    assert broker.dequeue() is broker.dequeue() is None
    assert looks == []


def test_and_now_and_then_without_one(looks, version, monkeypatch):
    """A task that was taken and never done comes back."""
    monkeypatch.setattr(sqlite_broker, "LONGEST", 0.0)
    looks += [None, [(1, "task")]]
    broker = SQLiteBroker()
    assert broker.dequeue() is None
    assert broker.dequeue() == [(1, "task")]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="it is SQLite's")
def test_sqlite_tells_of_the_writes_of_others(tmp_path, monkeypatch):
    path = tmp_path / "queue.sqlite3"
    other, own = sqlite3.connect(path), sqlite3.connect(path)

    class Database:
        connection = own
        cursor = staticmethod(lambda: CursorContext(own.cursor()))

    monkeypatch.setattr(sqlite_broker, "connections", {Conf.ORM: Database})
    broker = SQLiteBroker()
    before = broker._data_version()
    assert broker._data_version() == before
    with other:
        other.execute("CREATE TABLE written (id)")
    assert broker._data_version() != before
    own.close()
    other.close()


class CursorContext:
    def __init__(self, cursor):
        self.cursor = cursor

    def __enter__(self):
        return self.cursor

    def __exit__(self, *_):
        self.cursor.close()
