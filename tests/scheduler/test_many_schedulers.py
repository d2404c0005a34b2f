"""Several schedulers at once, on real connections: nothing is claimed twice, nothing is left out."""

import io
import json
import threading
from collections import Counter

import pytest
from django.db import connection, connections, transaction
from django.db.models import Sum
from django.utils import timezone

from destinations import configuration
from destinations.models import Account, DeliveryAttempt, Health, ProfileSync, Replay, Tally
from destinations.operations import batches, replay, selection
from destinations.scheduler import loop
from destinations.sync import claim, counters, settle
from destinations.sync.limits import rates
from profiles import changes
from profiles.imports import job as import_jobs
from profiles.imports.models import ImportJob
from profiles.models import Profile

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite", reason="threads share the in-memory database; runs on PostgreSQL in CI"
    ),
]


def in_threads(count, work):
    errors = []

    def run():
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def write(count):
    changes.write([changes.Change(f"p{n:04}", "put", {"id": f"p{n:04}"}) for n in range(count)])


def test_schedulers_settle_every_profile_once(recording, make_destination):
    for n in range(3):
        make_destination(f"d{n}", quiet_period=0.001)
    write(3000)

    def settle_all():
        while settle.settle(timezone.now()):
            pass

    in_threads(4, settle_all)
    assert ProfileSync.objects.count() == 9000
    assert not Profile.objects.filter(first_changed_at__isnull=False).exists()


def answered(destination):
    """What has never answered has one batch in flight."""
    Health.objects.update_or_create(destination=destination, defaults={"call_seconds": 0.01})
    return destination


def test_schedulers_claim_every_row_once(recording, make_destination, monkeypatch):
    monkeypatch.setattr(rates, "BATCHES", 1000)
    destination = answered(make_destination(quiet_period=0.001))
    write(1000)
    settle.settle(timezone.now())
    claimed = []

    def claim_all():
        misses = 0
        while misses < 50:
            mine = claim.claim(destination, timezone.now())
            if mine is None:
                misses += 1
            else:
                claimed.extend(mine.ids)

    in_threads(4, claim_all)
    assert len(claimed) == 1000
    assert set(Counter(claimed).values()) == {1}


def test_schedulers_together_keep_to_the_batches_of_a_destination(recording, make_destination):
    destination = answered(make_destination(quiet_period=0.001))
    write(1000)
    settle.settle(timezone.now())
    claims = []

    def claim_some():
        for _ in range(20):
            claims.append(claim.claim(destination, timezone.now()))

    in_threads(4, claim_some)
    assert len([one for one in claims if one is not None]) == 2


def test_schedulers_together_keep_to_what_an_account_shares(
    recording, make_destination, resource, settings, monkeypatch
):
    settings.TRACSYNC_BATCH_SIZE = 10
    monkeypatch.setattr(recording, "batch_size", 1)
    resource.concurrency, resource.rate_limit, resource.rate_period = 3, 25, "hour"
    configuration.save(resource)
    made = [make_destination(f"d{n}", quiet_period=0.001) for n in range(6)]
    write(100)
    settle.settle(timezone.now())
    rows, now = [], timezone.now()

    def claim_some():
        for _ in range(5):
            for one in made:
                found = claim.claim(one, now)
                rows.extend(found.ids if found else ())

    in_threads(4, claim_some)
    held = ProfileSync.objects.filter(claimed_until__isnull=False)
    batches = set(held.values_list("destination", "claim_token", "lanes"))
    assert sum(lanes for *_, lanes in batches) == 3
    assert held.count() == len(rows) == 25


def test_an_account_that_another_scheduler_has_locked_is_left_to_it(recording, make_destination, resource):
    resource.concurrency = 3
    configuration.save(resource)
    destination = make_destination(quiet_period=0.001)
    Account.objects.create(resource=resource, use_test=False)
    write(5)
    settle.settle(timezone.now())
    found = []
    with transaction.atomic():
        Account.objects.select_for_update().get()
        in_threads(1, lambda: found.append(claim.claim(destination, timezone.now())))
    assert found == [None]
    assert claim.claim(destination, timezone.now()) is not None


def test_changes_while_schedulers_run_all_arrive(recording, make_destination):
    make_destination(quiet_period=0.001, mapping={"id": "profile@id", "n": "profile@n"})
    rounds = 15

    def change():
        for n in range(rounds):
            changes.write([changes.Change(f"p{i:02}", "set", {"n": n}) for i in range(40)])

    def tick():
        for _ in range(60):
            loop.tick()

    writer = threading.Thread(target=lambda: in_threads(1, change))
    writer.start()
    in_threads(1, tick)
    writer.join()
    in_threads(1, tick)
    last = {}
    for delivery in recording.deliveries:
        last[delivery.payload["id"]] = delivery.payload["n"]
    assert last == {f"p{i:02}": rounds - 1 for i in range(40)}


def test_counts_are_exact_when_settling_and_recording_meet(recording, make_destination, monkeypatch):
    monkeypatch.setattr(settle, "BATCH_SIZE", 50)
    made = [make_destination(f"d{n}", quiet_period=0.001) for n in range(4)]
    write(1000)

    def work():
        while settle.settle(timezone.now()) or ProfileSync.objects.filter(due_at__isnull=False).exists():
            loop.tick()

    in_threads(4, work)
    for destination in made:
        sums = Tally.objects.filter(destination=destination).aggregate(Sum("settled"), Sum("accepted"))
        assert sums == {"settled__sum": 1000, "accepted__sum": 1000}
        assert DeliveryAttempt.objects.filter(destination=destination).count() == 1000


def test_one_row_is_counted_side_by_side(recording, make_destination):
    made = [make_destination(f"d{n}").pk for n in range(3)]

    def count():
        for turn in range(50):
            order = made if turn % 2 else reversed(made)
            counters.settled(dict.fromkeys(order, 1))

    in_threads(4, count)
    totals = Tally.objects.values_list("destination").annotate(n=Sum("settled"))
    assert dict(totals) == dict.fromkeys(made, 200)


def test_schedulers_import_every_record_once(db):
    documents = [{"id": f"p{n:04}", "n": n} for n in range(4000)]
    job = import_jobs.receive(io.BytesIO("\n".join(map(json.dumps, documents)).encode()), "many.ndjson")

    def work():
        while not ImportJob.objects.filter(phase="ready").exists():
            import_jobs.advance(timezone.now())

    in_threads(4, work)
    job.refresh_from_db()
    assert job.created == 4000
    import_jobs.start(job)

    def finish():
        while not ImportJob.objects.filter(finished_at__isnull=False).exists():
            import_jobs.advance(timezone.now())

    in_threads(4, finish)
    job.refresh_from_db()
    assert (job.created, job.changed, job.unchanged, job.refused, job.done) == (4000, 0, 0, 0, 4000)
    assert Profile.objects.filter(version=1).count() == 4000


def test_schedulers_hand_every_row_of_a_replay_over_once(recording, make_destination, monkeypatch):
    monkeypatch.setattr(batches, "MOST_WAITING", 10_000)
    monkeypatch.setattr(selection, "BATCH_SIZE", 100)
    destination = make_destination()
    write(2500)
    ProfileSync.objects.bulk_create(
        [ProfileSync(profile=one, destination=destination, state="rejected") for one in Profile.objects.all()]
    )
    [job] = replay.request(selection.read_request({"state": "rejected"})).jobs

    def work():
        while not Replay.objects.filter(finished_at__isnull=False).exists():
            replay.advance(timezone.now())

    in_threads(4, work)
    job.refresh_from_db()
    assert (job.done, ProfileSync.objects.filter(resend=True, due_at__isnull=False).count()) == (2500, 2500)
