"""Questions that are built once answer as the querysets they are built of."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from destinations.models import Destination, Health
from tracsync.common.prepared import Prepared

pytestmark = pytest.mark.django_db


def test_rows_and_objects_are_those_of_the_queryset(make_destination):
    made = [make_destination(f"d{n}") for n in range(4)]
    now = timezone.now()
    for number, one in enumerate(made):
        Health.objects.filter(destination=one).update(held_until=now + timedelta(hours=number))

    def make(ids, earliest, latest):
        held = {"health__held_until__gte": earliest, "health__held_until__lt": latest}
        return Destination.objects.filter(pk__among=ids, **held).order_by("pk")

    names = Prepared(lambda *given: make(*given).values_list("name", "health__held_until"))
    objects = Prepared(lambda *given: make(*given).select_related("health", "resource").defer("mapping"))
    for ids in ([one.pk for one in made], [made[1].pk, made[2].pk], []):
        for earliest, latest in ((0, 9), (1, 3), (5, 6)):
            given = ids, now + timedelta(hours=earliest), now + timedelta(hours=latest)
            assert names.rows(*given) == list(make(*given).values_list("name", "health__held_until"))
            assert objects.objects(*given) == list(make(*given))


def test_it_costs_one_statement_with_what_is_selected_along(make_destination):
    made = make_destination()
    question = Prepared(lambda ids: Destination.objects.filter(pk__among=ids).select_related("health"))
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            [found] = question.objects([made.pk])
            assert found.health.destination_id == made.pk
            assert found.get_deferred_fields() == set()
        assert len(captured) == 1


def test_what_is_the_same_for_all_stays(make_destination):
    make_destination("a")
    make_destination("b")
    named = Prepared(lambda before: Destination.objects.filter(name="b", created_at__lt=before))
    assert [one.name for one in named.objects(timezone.now() + timedelta(hours=1))] == ["b"]
    assert named.objects(timezone.now() - timedelta(hours=1)) == []
