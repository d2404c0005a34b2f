"""Installations with a running worker, whose processes and servers are then made to fail."""

import pytest

from tests.harness import Installation, Receiver, need_redis, postgres_database


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis"])
def stack(request, tmp_path_factory):
    """An installation with a running worker, and the receiver it delivers to."""
    directory = tmp_path_factory.mktemp("installation")
    if request.param == "sqlite":
        yield from _running(Installation(directory))
        return
    with postgres_database() as url:
        yield from _running(Installation(directory, DATABASE_URL=url, REDIS_URL=need_redis()))


def _running(installation):
    receiver = Receiver()
    try:
        installation.add_destination(receiver, quiet_period=0.5)
        installation.start_worker()
        yield installation, receiver
    finally:
        installation.stop()
        receiver.close()


@pytest.fixture
def url():
    """A PostgreSQL database of a test's own."""
    with postgres_database() as url:
        yield url


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def documents(run, count, visits):
    return [{"id": f"{run}-{n:03}", "stats": {"visits": visits}} for n in range(count)]


def assert_in_order(receiver):
    """Per profile, states never go back, and a key stands for one of them."""
    newest, keys = {}, {}
    for _, key, payload in receiver.arrivals:
        id, visits = payload["id"], payload["visits"]
        assert visits >= newest.get(id, 0), f"{id}: {visits} after a newer one"
        assert keys.setdefault(key, payload) == payload
        newest[id] = visits
