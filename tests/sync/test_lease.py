"""A lease that cannot be renewed: somebody else may have the rows, so nothing more is sent."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from destinations.models import ProfileSync
from destinations.sync import claim, lease, push, settle
from profiles import changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(lease, "RENEW_EVERY", timedelta(seconds=0.05))
    monkeypatch.setattr(lease, "MARGIN", timedelta(seconds=0.1))


def test_nothing_is_sent_once_the_lease_may_have_ended(brief, recording, make_destination, monkeypatch):
    def fail(_):
        raise OperationalError("the connection was dropped")

    monkeypatch.setattr(lease, "renew", fail)
    monkeypatch.setattr(recording, "batch_size", 1)
    recording.during_push = lambda _: time.sleep(0.1)
    destination = make_destination(quiet_period=0.001, concurrency=2)
    changes.write([changes.Change(f"p{n:02}", "put", {"id": f"p{n:02}"}) for n in range(20)])
    soon = timezone.now() + timedelta(seconds=0.1)
    settle.settle(soon)
    claimed = claim.claim(destination, soon)
    push.push(claimed.token, claimed.ids)
    assert 1 <= len(recording.deliveries) < 10
    waiting = ProfileSync.objects.filter(due_at__isnull=False, claim_token=None).count()
    assert waiting == 20 - len(recording.deliveries)


def test_a_lease_that_took_long_to_get_is_as_much_shorter(recording, make_destination, monkeypatch, settings):
    settings.TRACSYNC_BATCH_SIZE = 1
    monkeypatch.setattr(recording, "batch_size", 1)
    destination = make_destination(quiet_period=0.001)
    changes.write([changes.Change(f"p{n}", "put", {"id": f"p{n}"}) for n in range(2)])
    soon = timezone.now() + timedelta(seconds=0.1)
    settle.settle(soon)
    claim_next = claim.claim_next

    def slowly(*arguments, **options):
        monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.5))
        monkeypatch.setattr(lease, "MARGIN", timedelta(seconds=0.1))
        claimed = claim_next(*arguments, **options)
        time.sleep(0.5)
        return claimed

    claimed = claim.claim(destination, soon)
    monkeypatch.setattr(claim, "claim_next", slowly)
    push.push(claimed.token, claimed.ids)
    assert len(recording.deliveries) == 1
    [left] = ProfileSync.objects.filter(due_at__isnull=False)
    assert (left.claim_token, left.started_at) == (None, None)


def test_a_renewal_that_fails_is_tried_again(brief, monkeypatch):
    tries, renewed = [], threading.Event()

    def fail_twice(_):
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OperationalError("the connection was dropped")
        renewed.set()
        return 1

    monkeypatch.setattr(lease, "renew", fail_twice)
    held = lease.Lease(lease.Claim("token", [1]), time.monotonic())
    with held.kept():
        assert renewed.wait(10)
    assert held.holds()
