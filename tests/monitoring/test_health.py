"""Whether it is up, whether it can work, and how it is doing."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from destinations.models import DeliveryAttempt, Health, Heartbeat, ProfileSync, Tally
from destinations.scheduler import loop
from destinations.sync import claim, counters, settle


def test_healthz_asks_no_database():
    response = Client().get("/healthz")  # without access to one: a query would fail
    assert (response.status_code, response.json()) == (200, {"status": "up"})
    assert Client().post("/healthz").status_code == 405


@pytest.mark.django_db
def test_readyz_wants_a_scheduler():
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert [name for name, check in response.json()["checks"].items() if not check["ok"]] == ["clock"]
    assert "manage.py worker" in response.json()["checks"]["clock"]["message"]
    Heartbeat.objects.create(name="here:1", at=timezone.now())
    response = Client().get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ready")


@pytest.mark.django_db
def test_a_sign_of_life_from_the_future_is_none(frozen):
    Heartbeat.objects.create(name="here:1", at=frozen.now + timedelta(days=2))
    assert Client().get("/readyz").json()["checks"]["clock"]["ok"] is False


@pytest.mark.django_db
def test_readyz_wants_what_is_due_to_be_pushed(frozen, make_destination, make_profile):
    """The scheduler shows itself, and the workers are frozen."""
    make_destination(quiet_period=1)
    make_profile()
    frozen.forward(2)
    settle.settle(frozen.now)
    Heartbeat.objects.create(name="here:1", at=frozen.now)
    assert Client().get("/readyz").status_code == 200
    frozen.forward(120)
    Heartbeat.objects.update(at=frozen.now)
    response = Client().get("/readyz")
    assert response.status_code == 503
    pushes = response.json()["checks"]["pushes"]
    assert (pushes["ok"], "121 seconds" in pushes["message"]) == (False, True), pushes
    ProfileSync.objects.update(claimed_until=frozen.now + timedelta(seconds=5), started_at=frozen.now)
    assert Client().get("/readyz").status_code == 200


@pytest.mark.django_db
def test_readyz_wants_what_is_claimed_to_be_pushed(frozen, make_destination, make_profile, monkeypatch):
    """The scheduler claims what is due again and again, and no worker takes it."""
    monkeypatch.setattr(claim, "async_task", lambda *_: None)
    make_destination(quiet_period=1)
    make_profile()
    frozen.forward(2)
    for ready in (True, False):
        loop.tick()
        Heartbeat.objects.update_or_create(name="here:1", defaults={"at": frozen.now})
        assert (Client().get("/readyz").status_code == 200) == ready
        frozen.forward(120)


@pytest.mark.django_db
def test_what_waited_for_the_end_of_a_rest_is_not_late(frozen, make_destination, make_profile):
    crm = make_destination(quiet_period=1)
    make_profile()
    frozen.forward(2)
    settle.settle(frozen.now)
    Health.objects.update_or_create(destination=crm, defaults={"held_until": frozen.now + timedelta(hours=1)})
    for seconds, ready in ((3601, True), (50, True), (20, False)):  # 1, 51 and 71 after the end of the rest
        frozen.forward(seconds)
        Heartbeat.objects.update_or_create(name="here:1", defaults={"at": frozen.now})
        assert (Client().get("/readyz").status_code == 200) == ready, seconds


@pytest.mark.django_db
def test_a_scheduler_that_cannot_do_its_work_shows_no_sign_of_life(monkeypatch):
    looks = iter([False, False, False, True])

    def fails():
        raise DatabaseError("no such column")

    monkeypatch.setattr(loop, "tick", fails)
    monkeypatch.setattr(loop.time, "sleep", lambda _: None)
    monkeypatch.setattr(loop.connections, "close_all", lambda: None)
    monkeypatch.setattr(loop, "close_old_connections", lambda: None)
    loop.run(lambda: next(looks))
    assert not Heartbeat.objects.exists()


@pytest.mark.django_db
def test_readyz_wants_all_migrations():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'destinations'")
    checks = Client().get("/readyz").json()["checks"]
    assert checks["migrations"]["ok"] is False
    assert "migrate" in checks["migrations"]["message"]


def test_readyz_without_a_database(monkeypatch):
    def away(*_args):
        raise DatabaseError("password=secret")

    monkeypatch.setattr("tracsync.monitoring.health.connection.cursor", away)
    monkeypatch.setattr("tracsync.monitoring.health.missing_migrations", away)
    monkeypatch.setattr("tracsync.monitoring.health.loop.is_alive", away)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert not any(check["ok"] for check in response.json()["checks"].values())
    assert "secret" not in response.content.decode()


def scrape(api):
    response = api.get("/metrics", accept="text/plain;version=0.0.4")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(response.content.decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.django_db
def test_metrics_want_a_token():
    assert Client().get("/metrics").status_code == 401


@pytest.mark.django_db
def test_metrics(api, make_destination, make_profile):
    now, crm = timezone.now(), make_destination("crm", paused_at=timezone.now())
    pk = str(crm.pk)
    Health.objects.filter(destination=crm).update(
        held_until=now + timedelta(hours=1), refusals=7, refused_since=now, refusal="answered 401"
    )
    for id in ("a", "b"):
        ProfileSync.objects.create(
            profile=make_profile(id), destination=crm, due_at=now - timedelta(seconds=60)
        )
    for back, count in ((0, 2), (1, 3), (20, 4)):
        Tally.objects.create(destination=crm, slot=counters.slot(now) - back, retry=count)
    Heartbeat.objects.create(name="here:1", at=now)
    ProfileSync.objects.filter(profile="b").update(state=ProfileSync.State.REJECTED)
    values = scrape(api)
    assert values["tracsync_syncs_rejected", pk, "crm"] == 1
    assert values["tracsync_destination_refusals", pk, "crm"] == 7
    assert values["tracsync_destination_failures", pk, "crm"] == 0
    assert values["tracsync_destination_broken", pk, "crm"] == 0
    assert values["tracsync_syncs_owed", pk, "crm"] == 2
    assert 60 <= values["tracsync_syncs_oldest_owed_seconds", pk, "crm"] < 90
    assert values["tracsync_destination_paused", pk, "crm"] == 1
    assert values["tracsync_destination_held", pk, "crm"] == 1
    assert values["tracsync_destination_refusing", pk, "crm"] == 1
    assert values["tracsync_destination_stopped", pk, "crm"] == 0
    assert values["tracsync_attempts_last_hour", pk, "retry"] == 5
    assert ("tracsync_attempts_last_hour", pk, "accepted") not in values
    assert values["tracsync_profiles_unsettled",] == 2
    assert values["tracsync_clocks_alive",] == 1


@pytest.mark.django_db
def test_a_scrape_costs_the_same_with_many_destinations(api, make_destination, django_assert_num_queries):
    scrape(api)
    for n in range(10):
        make_destination(f"d{n}")
    with django_assert_num_queries(10):  # the token, what is waiting, and six tables
        scrape(api)


@pytest.mark.django_db
def test_totals_only_grow(api, make_destination):
    crm = make_destination("crm")
    at = {"pk": str(crm.pk), "name": "crm"}
    for count in (2, 3):
        counters._add({crm.pk: {"accepted": count, "skipped": 1, "lag_0": count - 1, "lag_3": 1}})
        counters.forget(timezone.now() + timedelta(days=1))  # counts of five minutes have an age
    assert not Tally.objects.exists()
    values = scrape(api)
    assert values["tracsync_attempts_total", *at.values(), "accepted"] == 5
    assert values["tracsync_attempts_total", *at.values(), "rejected"] == 0
    assert values["tracsync_decisions_total", *at.values(), "skipped"] == 2
    bounds = ("0.25", "0.5", "1.0", "2.0", "+Inf")
    buckets = [values["tracsync_delay_seconds_bucket", at["pk"], bound, "crm"] for bound in bounds]
    assert buckets == [3, 3, 3, 5, 5]


@pytest.mark.django_db
def test_openmetrics_is_spoken_too(api):
    response = api.get("/metrics", accept="application/openmetrics-text;version=1.0.0")
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


@pytest.mark.django_db
def test_metrics_tell_the_delay_between_due_and_sent(api, make_destination, make_profile):
    crm, now = make_destination("crm"), timezone.now()
    profile = make_profile("a")
    for lag, age in [*((n / 100, 1) for n in range(100)), (50.0, 600), (None, 1)]:
        DeliveryAttempt.objects.create(
            profile=profile,
            destination=crm,
            version=1,
            at=now - timedelta(seconds=age),
            duration_ms=1,
            outcome="accepted",
            lag=lag,
        )
    found = scrape(api)
    quantiles = {key[2]: value for key, value in found.items() if key[0] == "tracsync_lag_seconds"}
    assert quantiles == {"0.5": 0.5, "0.95": 0.95, "0.99": 0.99}
