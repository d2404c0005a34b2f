"""What a delivery attempt keeps of request and response: as much as TRACSYNC_ATTEMPT_BODIES says."""

import pytest

from destinations.connectors.base import Accepted, Exchange, Rejected
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop

pytestmark = pytest.mark.django_db

EXCHANGE = Exchange("POST /contacts", "an answer", 200)
PUSHES = ("a change", "a failed change", "one of many that are sent again", "a replay", "a failed replay")


@pytest.fixture
def push(frozen, recording, make_destination, make_profile):
    make_destination()

    def push(what):
        outcome = Rejected("no", exchange=EXCHANGE) if "failed" in what else Accepted(exchange=EXCHANGE)
        profile = make_profile()
        if "change" not in what:
            run_all(frozen)
            DeliveryAttempt.objects.all().delete()
            actions.send_again(ProfileSync.objects.all(), "replay", bulk="many" in what)
        recording.script(outcome)
        run_all(frozen)
        [attempt] = DeliveryAttempt.objects.filter(profile=profile)
        return attempt

    return push


def run_all(frozen):
    frozen.forward(60)
    while loop.tick():
        pass


@pytest.mark.parametrize(
    ("setting", "kept"),
    [("none", PUSHES[:0]), ("asked", PUSHES[3:]), ("failed", (PUSHES[1], *PUSHES[3:])), ("all", PUSHES)],
)
@pytest.mark.parametrize("what", PUSHES)
def test_each_setting_keeps_more_than_the_one_before(push, settings, setting, kept, what):
    settings.TRACSYNC_ATTEMPT_BODIES = setting
    attempt = push(what)
    expected = ("POST /contacts", "an answer") if what in kept else (None, None)
    assert (attempt.request, attempt.response) == expected


def test_what_a_person_asks_for_is_kept_by_default(push, settings):
    assert settings.TRACSYNC_ATTEMPT_BODIES == "asked"
    assert push("a replay").response == "an answer"
