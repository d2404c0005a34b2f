"""How a payload differs from what was last accepted, as far as that is kept."""

import pytest

from destinations.connectors.base import Accepted, Exchange
from destinations.insight import preview
from destinations.insight.payloads import diff
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.operations import actions
from destinations.scheduler import loop

ACCEPTED = 'POST https://x.example/\nContent-Type: application/json\n\n{"visits":1,"id":"p1"}'


@pytest.fixture
def crm(make_destination):
    return make_destination(quiet_period=0)


def sync(crm, profile):
    actions.sync_now(profile, [crm])
    loop.tick()


def compared(crm, profile):
    return diff.compared(crm, profile, preview.preview(crm, profile.document))


def test_nothing_was_accepted_yet(crm, make_profile):
    crm.enabled = False
    crm.save()
    found = compared(crm, make_profile("p1"))
    assert found.equal is None
    assert "not accepted this profile yet" in found.sentence


def test_equal_and_different(crm, make_profile, recording):
    profile = make_profile("p1", stats={"visits": 1})
    sync(crm, profile)
    assert compared(crm, profile).equal is True
    profile.document = {"id": "p1", "stats": {"visits": 2}}
    found = compared(crm, profile)
    assert found.equal is False
    assert "only a hash of it was kept" in found.sentence
    crm.settings = {"other": 1}
    profile.document = {"id": "p1", "stats": {"visits": 1}}
    assert compared(crm, profile).equal is False


def test_a_kept_request_is_compared_line_by_line(crm, make_profile, recording, settings):
    settings.TRACSYNC_ATTEMPT_BODIES = "all"
    recording.script(Accepted(exchange=Exchange(ACCEPTED)))
    profile = make_profile("p1", stats={"visits": 1})
    sync(crm, profile)
    assert DeliveryAttempt.objects.count() == 1
    profile.document = {"id": "p1", "stats": {"visits": 22}}
    shown = preview.preview(crm, profile.document)
    request = {"method": "POST", "url": "https://x.example/", "body": '{"visits": 22, "id": "p1"}'}
    shown = preview.Preview(True, None, "", shown.payload, request, [], [], [])
    found = diff.compared(crm, profile, shown)
    changes = [(line.sign, line.text.strip()) for line in found.lines if line.sign in "+-"]
    assert changes == [("-", '"visits": 1'), ("+", '"visits": 22')]


def test_what_is_in_doubt_is_said(crm, make_profile, recording):
    profile = make_profile("p1", stats={"visits": 1})
    sync(crm, profile)
    ProfileSync.objects.update(payload_hash="")
    assert "in doubt" in compared(crm, profile).sentence


def test_a_large_difference_is_cut():
    before = [f"line {number}" for number in range(1000)]
    after = [f"other {number}" for number in range(1000)]
    lines = list(diff._diff(["x", *before], ["x", *after]))
    assert len(lines) <= diff.MOST_LINES
    assert lines[-1].sign == "…"
