"""Several people save the same destination at once, on real connections: each save is its own version."""

import itertools
import threading

import pytest
from django.db import connection, connections, transaction

from destinations import configuration
from destinations.models import Destination
from destinations.operations import actions

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="threads share the in-memory database; runs on PostgreSQL in CI"
    ),
]


def test_versions_are_numbered_one_after_the_other(recording, make_destination):
    pk = make_destination().pk
    numbers, errors = itertools.count(1), []

    def save():
        try:
            for _ in range(10):
                with transaction.atomic():
                    destination = Destination.objects.get(pk=pk)
                    destination.quiet_period = next(numbers)
                    configuration.save(destination)
                actions.pause(destination)
                actions.resume(destination)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = list(Destination.objects.get(pk=pk).versions.order_by("number").values_list("number", flat=True))
    assert found == list(range(1, len(found) + 1))
    assert len(found) > 40
