"""The broker is emptied, the database drops its connections, the destination goes away: nothing is lost."""

import time

import psycopg
import redis

from tests.faults.conftest import assert_in_order, documents
from tests.harness import REDIS, wait_for


def empty_the_broker(installation):
    if "REDIS_URL" in installation.environment:
        redis.from_url(REDIS).delete(f"django_q:{installation.environment['TRACSYNC_QUEUE']}.json:q")
    else:
        installation.python("from django_q.models import OrmQ; OrmQ.objects.all().delete()")


def drop_connections(installation):
    """As a restart of the database does it."""
    url = installation.environment.get("DATABASE_URL")
    if url is not None:
        with psycopg.connect(url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def test_everything_at_once(stack):
    installation, receiver = stack
    installation.complete_worker()
    receiver.answer = lambda payload: time.sleep(0.02) or 200
    installation.save_profiles(documents("servers", 200, 1))
    wait_for(lambda: len(receiver.last()) > 10, "the first pushes")
    empty_the_broker(installation)
    drop_connections(installation)
    receiver.answer = lambda payload: 503
    installation.save_profiles(documents("servers", 200, 2))
    drop_connections(installation)
    empty_the_broker(installation)
    seen = len(receiver.arrivals)
    wait_for(lambda: len(receiver.arrivals) > seen, "a push that fails")
    receiver.answer = lambda payload: 200
    expected = {document["id"]: 2 for document in documents("servers", 200, 2)}

    def arrived():
        return {id: payload["visits"] for id, payload in receiver.last().items()}

    wait_for(lambda: arrived() == expected, "all last states")
    assert_in_order(receiver)
    waiting = (
        "from destinations.models import ProfileSync; print(ProfileSync.objects.exclude(due_at=None).count())"
    )
    wait_for(lambda: installation.python(waiting).strip() == "0", "that nothing is waiting")
