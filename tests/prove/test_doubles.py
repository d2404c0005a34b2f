"""The other side of `prove --connector`: doubles on fire, and what the ledger makes of what they note."""

import random

import pytest
from django.core.management import CommandError, call_command

from destinations.connectors import registry
from destinations.connectors.base import Accepted, Delivery, Hold, Rejected, Retry, Unknown
from destinations.connectors.testing import doubles
from destinations.models import Destination, ProfileSync
from destinations.notation import parse_template
from profiles import changes
from profiles.models import Profile
from tracsync.prove import plan
from tracsync.prove.doubles import FIRST_ROUND, Doubles, Fire
from tracsync.prove.environments import Answer
from tracsync.prove.plan import Plan

PLAN = Plan(seed=1, profiles=6, seconds=1, kills=False, workers=1, json=False, database="x")


class Ours(doubles.ALL["hubspot"]):
    """A double of somebody's own."""


def document(number: int, change: int, **more):
    id = f"prove-{number:06}"
    bases = {"id": id, "n": change, "plan": "pro", "group": 0, "mail": f"{id}@x.example", "age": "40"}
    return {**bases, "mark": f"{id}-{change}", **more}


def delivery(system: Fire, number: int, change: int, **more) -> Delivery:
    payload = parse_template(system.mapping).render({"profile": document(number, change, **more)})
    return Delivery(payload, f"{number}:{change}", key=f"prove-{number:06}", version=change)


@pytest.fixture
def system():
    fire = type("OnFire", (Fire, doubles.ALL["hubspot"]), {})()
    fire.set_fire(random.Random(1))
    with fire:
        yield fire


def noted(system: Fire):
    return [(one.profile[-1], one.version, one.answer, one.taken) for one in system.arrivals]


def test_each_fault_is_done_and_noted(system):
    told = set()
    with registry.get("hubspot").open(system.credentials, system.settings, system.runtime) as session:
        for change in range(1, FIRST_ROUND + 3):
            (outcome,) = session.push([delivery(system, 1, change)])
            told.add(type(outcome))
    assert told == {Accepted, Hold, Retry, Unknown}
    faults = {Answer.BUSY, Answer.ERROR, Answer.RESET, Answer.CUT_OFF, Answer.FAILED_AFTERWARDS}
    assert {one.answer for one in system.arrivals} == {Answer.OK, Answer.LOCKED_OUT, *faults}
    assert all(one.taken == Answer(one.answer).takes for one in system.arrivals)


def test_of_one_call_some_are_taken_and_who_is_taken_away_is_noticed(system):
    system.is_calm = True
    with registry.get("hubspot").open(system.credentials, system.settings, system.runtime) as session:
        outcomes = session.push([delivery(system, 1, 1), delivery(system, 2, 1, age="old")])
        assert [type(one) for one in outcomes] == [Accepted, Rejected]
        session.push([Delivery(None, "3", outcomes[0].remote, "remove", "prove-000001", 3)])
    assert noted(system) == [
        ("1", 1, Answer.OK, True),
        ("2", 1, Answer.TURNED_DOWN, False),
        ("1", 1, Answer.OK, True),
    ]
    assert [one.payload for one in system.arrivals] == [{"mark": 1}, {"mark": 1}, None]


@pytest.mark.django_db
def test_the_ledger():
    """One delivered, one refused, one lost, one that is left, and one that was removed."""
    bad = document(2, 1, plan="blocked", group=1, age="old")
    assert plan.may_be_refused(bad)
    last = [document(1, 1), bad, document(3, 2), document(4, 2, plan="free"), document(5, 2, plan="free")]
    with Doubles(Plan.loads(PLAN.dumps().replace('"connectors": []', '"connectors": ["hubspot"]'))) as side:
        side.install()
        destination = Destination.objects.get()
        assert (destination.on_leave, destination.on_delete) == ("remove", "remove")
        changes.write([changes.change_from(one) for one in last])
        ProfileSync.objects.create(
            profile=Profile.objects.get(pk=bad["id"]), destination=destination, state="rejected"
        )
        (system,) = side._systems
        system.is_calm = True
        with registry.get("hubspot").open(system.credentials, system.settings, system.runtime) as session:
            sent = [delivery(system, 1, 1), delivery(system, 2, 1, age="old"), delivery(system, 3, 1)]
            sent += [delivery(system, 4, 1), delivery(system, 5, 1)]
            outcomes = session.push(sent)
            session.push([Delivery(None, "5", outcomes[4].remote, "remove", "prove-000005", 2)])
            session.push([delivery(system, 1, 1)])
        (row,) = side.rows({one["id"]: one for one in last}, [])
    assert (row.expected, row.delivered, row.refused, row.lost) == (3, 1, 1, 1)
    assert (row.removed, row.left, row.stale, row.needless) == (1, 1, 0, 1)
    assert not row.holds


def test_doubles_are_found_by_slug_and_as_classes():
    assert doubles.find("hubspot").slug == "hubspot"
    assert doubles.find(f"{__name__}:Ours") is Ours
    assert all(double.mapping for double in doubles.ALL.values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "There is no double of nothing. There are: activecampaign"),
        ("no.such:Double", "cannot be imported"),
        ("random:Random", "is no subclass of"),
        ("destinations.connectors.testing.doubles.system:System", "has no mapping"),
    ],
)
def test_the_command_says_what_it_does_not_know(name, said):
    with pytest.raises(CommandError, match=said):
        call_command("prove", connector=[name])
