"""The other events: rejections, delays, nothing runs, what ends soon, jobs that ended, summaries."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection
from django.test.utils import CaptureQueriesContext

from destinations.models import AccessToken, Backfill, Health, Heartbeat, ProfileSync, Tally
from destinations.sync import counters, settle
from profiles.imports.models import ImportJob
from profiles.search.models import IndexJob
from tests.conftest import START
from tracsync.models import ApiToken, Incident, NoticeChannel, NoticeLimits
from tracsync.notices import findings, incidents, watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(webhook):
    """Of the summaries only their own tests want to hear."""
    webhook.events = ["broken", "rejected", "waiting", "stalled", "expiring", "ended"]
    webhook.save()
    return webhook


@pytest.fixture
def alive(frozen, look):
    """A scheduler that shows itself while time passes."""
    row = Heartbeat.objects.create(name="here:1", at=frozen.now)

    def passes(seconds):
        for _ in range(round(seconds / 15)):
            frozen.forward(15)
            Heartbeat.objects.filter(pk=row.pk).update(at=frozen.now)
            look.now()

    return passes


def types(bodies):
    return [one["type"] for one in bodies()]


def counted(destination, now, **counts):
    Tally.objects.update_or_create(destination=destination, slot=counters.slot(now), defaults=counts)


class TestRejected:
    @pytest.fixture
    def destination(self, make_destination, everything):
        return make_destination("Newsletter")

    @pytest.mark.parametrize(
        ("limits", "accepted", "rejected", "told"),
        [
            ({}, 80, 20, True),
            ({}, 95, 5, False),
            ({}, 0, 9, False),
            ({"rejected_percent": 0}, 0, 100, False),
            ({"rejected_percent": 50}, 60, 40, False),
            ({"rejected_percent": 0, "rejected_count": 3}, 500, 4, True),
            ({"rejected_percent": 0, "rejected_count": 3}, 500, 3, False),
        ],
    )
    def test_limits(self, destination, alive, bodies, frozen, limits, accepted, rejected, told):
        NoticeLimits.objects.create(destination=destination, **limits)
        counted(destination, frozen.now, accepted=accepted, rejected=rejected)
        alive(120)
        assert types(bodies) == (["rejected.opened"] if told else [])
        if told:
            sentence = bodies()[0]["data"]["sentence"]
            assert sentence == f"{rejected} of {accepted + rejected} pushes were rejected within 60 minutes."

    def test_it_is_over_when_the_span_is(self, destination, alive, bodies, frozen):
        NoticeLimits.objects.create(destination=destination, rejected_minutes=10)
        counted(destination, frozen.now, accepted=0, rejected=50)
        alive(60)
        assert types(bodies) == ["rejected.opened"]
        alive(900)
        assert types(bodies) == ["rejected.opened", "rejected.closed"]

    def test_of_a_destination_that_is_held_only_that_is_told(self, destination, alive, bodies, frozen):
        counted(destination, frozen.now, rejected=50)
        Health.objects.update(failures=9, hold_reason="answered 401")
        alive(180)
        assert types(bodies) == ["broken.opened"]


class TestWaiting:
    @pytest.fixture
    def due(self, make_destination, make_profile, frozen, everything):
        destination = make_destination("Newsletter", quiet_period=1)
        make_profile("p1")
        frozen.forward(2)
        settle.settle(frozen.now)
        return destination

    def pushed(self, frozen):
        """Workers run, and this one row stays."""
        ProfileSync.objects.update(
            started_at=frozen.now, claimed_until=frozen.now + timedelta(days=1), claim_token=None
        )

    def test_it_is_told_when_a_change_is_due_for_longer(self, due, alive, bodies, frozen):
        self.pushed(frozen)
        NoticeLimits.objects.create(destination=due, waiting_minutes=10)
        alive(540)
        assert bodies() == []
        alive(600)
        assert types(bodies) == ["waiting.opened"]
        assert "the oldest is due since 12:00:01" in bodies()[0]["data"]["sentence"]
        ProfileSync.objects.update(due_at=None)
        alive(180)
        assert types(bodies) == ["waiting.opened", "waiting.closed"]

    def test_never_where_it_is_0(self, due, alive, bodies, frozen):
        self.pushed(frozen)
        NoticeLimits.objects.create(destination=due, waiting_minutes=0)
        alive(3900)
        assert bodies() == []

    def test_backfills_wait_as_long_as_they_do(self, due, alive, bodies, frozen):
        self.pushed(frozen)
        ProfileSync.objects.update(bulk=True)
        alive(3900)
        assert bodies() == []


class TestStalled:
    def test_nothing_runs(self, look, frozen, everything, bodies):
        row = Heartbeat.objects.create(name="here:1", at=frozen.now)
        look.after(60)
        assert bodies() == []
        look.after(60)
        [told] = bodies()
        assert told["type"] == "stalled.opened"
        assert "Nothing is running since 12:00:00" in told["data"]["sentence"]
        assert "manage.py worker" in told["data"]["sentence"]
        for _ in range(6):
            row.at = frozen.now
            row.save()
            look.after(15)
        assert types(bodies) == ["stalled.opened", "stalled.closed"]

    def test_a_restart_is_not_told(self, look, frozen, everything, bodies, alive):
        Heartbeat.objects.all().delete()
        look.after(45)
        Heartbeat.objects.create(name="here:1", at=frozen.now)
        alive(120)
        assert bodies() == []
        assert not Incident.objects.exists()

    def test_workers_that_take_nothing(
        self, look, frozen, alive, everything, bodies, make_destination, make_profile
    ):
        make_destination("Newsletter", quiet_period=1)
        make_profile("p1")
        frozen.forward(2)
        settle.settle(frozen.now)
        for _ in range(20):
            ProfileSync.objects.update(claimed_until=frozen.now + timedelta(seconds=30), started_at=None)
            alive(15)
        assert types(bodies) == ["stalled.opened"]
        assert "no worker takes what it hands out" in bodies()[0]["data"]["sentence"]


class TestExpiring:
    def test_an_api_token(self, alive, everything, bodies, frozen):
        token = ApiToken.generate("monitoring", expires_at=frozen.now + timedelta(days=20))[0]
        token.save()
        alive(15)
        assert bodies() == []
        frozen.forward(7 * 86_400)
        alive(15)
        [told] = bodies()
        assert told["type"] == "expiring.opened"
        assert told["data"]["sentence"].startswith("The API token monitoring ends at 2026-03-21")
        frozen.forward(3 * 86_400)
        alive(15)
        assert len(bodies()) == 1
        token.delete()
        for _ in range(3):
            frozen.forward(3600)
            alive(15)
        assert types(bodies) == ["expiring.opened", "expiring.closed"]

    @pytest.mark.parametrize(("refresh", "told"), [("", 1), ("refresh-token", 0)])
    def test_an_access_token_that_nothing_renews(
        self, alive, everything, bodies, frozen, resource, refresh, told
    ):
        AccessToken.objects.create(
            resource=resource,
            use_test=False,
            value={"value": "t", "refresh": refresh},
            expires_at=frozen.now + timedelta(days=3),
            authorised_at=frozen.now,
        )
        alive(15)
        assert len(bodies()) == told

    def test_a_certificate_among_the_credentials(self, alive, everything, bodies, frozen, make_resource):
        make_resource("kafka", production={"tls": {"certificate": certificate(frozen.now, days=10)}})
        make_resource("far", production={"tls": {"certificate": certificate(frozen.now, days=100)}})
        alive(15)
        [told] = bodies()
        assert "A certificate among the credentials of the resource kafka ends at" in told["data"]["sentence"]

    def test_a_certificate_of_no_known_version(self, alive, everything, bodies, frozen, make_resource):
        odd = base64.b64decode("".join(certificate(frozen.now, days=10).splitlines()[1:-1]))
        odd = odd.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
        pem = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(odd).decode()}-----END CERTIFICATE-----\n"
        make_resource("odd", production={"tls": {"certificate": pem}})
        make_resource("kafka", production={"tls": {"certificate": certificate(frozen.now, days=10)}})
        alive(15)
        assert types(bodies) == ["expiring.opened"]


def certificate(now, days):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1))
    signed = made.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


class TestEnded:
    def test_each_job_once(self, alive, everything, bodies, frozen, make_destination):
        job = Backfill.objects.create(destination=make_destination("Newsletter"), total=10, done=10)
        alive(60)
        assert bodies() == []
        Backfill.objects.filter(pk=job.pk).update(finished_at=frozen.now)
        alive(600)
        [told] = bodies()
        assert told["type"] == "ended.opened"
        assert told["data"]["sentence"].startswith("finished at 12:01:00, 10 of 10 handed over")
        assert told["data"]["link"].endswith(f"/admin/destinations/backfill/{job.pk}/change/")

    def test_an_import_with_its_counts(self, alive, everything, bodies, frozen):
        ImportJob.objects.create(
            name="people.csv",
            phase="importing",
            total=5,
            done=5,
            created=3,
            refused=2,
            finished_at=frozen.now,
        )
        alive(60)
        [told] = bodies()
        assert told["data"]["title"] == "people.csv: a job has ended"
        assert ["refused", "2"] in told["data"]["figures"]
        assert "profiles/importjob" in told["data"]["link"]

    def test_indexing_that_had_something_to_do(self, alive, everything, bodies, frozen):
        some = {"fingerprint": "f", "finished_at": frozen.now}
        IndexJob.objects.create(total=0, **some)
        job = IndexJob.objects.create(total=7, done=7, **some)
        alive(60)
        [told] = bodies()
        assert told["data"]["title"] == "Indexing names and e-mail addresses: a job has ended"
        assert told["data"]["link"].endswith(f"/admin/profiles/indexjob/{job.pk}/change/")

    def test_many_that_were_told_cost_no_more_than_one(self, alive, frozen, make_destination):
        def statements(jobs):
            for _ in range(jobs):
                Backfill.objects.create(destination=destination, total=1, finished_at=frozen.now)
            for one in findings.ended(frozen.now):
                incidents.take(one, None, frozen.now)
            with CaptureQueriesContext(connection) as captured:
                assert not list(findings.ended(frozen.now))
            return len(captured.captured_queries)

        destination = make_destination("Newsletter")
        assert statements(1) == statements(20)


class TestSummaries:
    @pytest.fixture
    def summaries(self, webhook):
        webhook.events = ["daily", "weekly"]
        webhook.save()

    def test_each_day_at_eight_and_each_week_on_mondays(
        self, alive, summaries, bodies, frozen, make_destination
    ):
        make_destination("Newsletter")
        alive(60)  # on a Sunday, at noon
        assert types(bodies) == ["daily.opened"]
        alive(600)
        assert types(bodies) == ["daily.opened"]
        frozen.forward((datetime(2026, 3, 2, 7, 58, tzinfo=UTC) - frozen.now).total_seconds())
        alive(60)
        assert len(bodies()) == 1
        alive(120)
        assert types(bodies)[1:] == ["daily.opened", "weekly.opened"]
        told = bodies()[-1]["data"]
        assert told["sentence"] == "The destination is well."
        assert told["figures"] == [["Newsletter", "running; 0 sent, 0 rejected, 0 waiting"]]

    def test_what_is_not_well_comes_first(self, alive, summaries, bodies, frozen, make_destination):
        make_destination("A")
        sick = make_destination("B")
        Health.objects.filter(pk=sick.pk).update(
            failures=9, held_until=frozen.now + timedelta(days=1), hold_reason="answered 401"
        )
        alive(15)
        [told] = [one["data"] for one in bodies() if one["type"] == "daily.opened"]
        assert [name for name, _text in told["figures"]] == ["B", "A"]
        assert "resting (the destination rests until" in told["figures"][0][1]

    def test_nobody_wants_one(self, alive, webhook, bodies):
        alive(60)
        assert bodies() == []
        assert not Incident.objects.exists()


def test_the_turns_of_several_processes(db, look, frozen):
    """Who has the turn looks; a turn in the future is over."""
    frozen.forward(15)
    assert watch.look(frozen.now)
    assert not watch.look(frozen.now)
    frozen.forward(15)
    assert watch.look(frozen.now)
    assert watch.look(frozen.now - timedelta(days=1))


def test_what_cannot_be_looked_for_keeps_nobody_from_the_rest(
    look, alive, everything, bodies, frozen, monkeypatch, make_destination
):
    make_destination("Newsletter")
    Health.objects.update(
        failures=9, held_since=frozen.now - timedelta(minutes=2), hold_reason="answered 503"
    )
    monkeypatch.setattr(findings, "waiting", lambda now: (1 / 0 for _ in range(1)))
    Incident.objects.create(key="waiting:1", event="waiting", opened_at=frozen.now, told_at=frozen.now)
    alive(180)
    assert types(bodies) == ["broken.opened"]
    assert Incident.objects.get(key="waiting:1").closed_at is None, "nobody knows whether it is over"


@pytest.mark.parametrize("moment", ["opened_at", "well_since"])
def test_a_clock_that_was_ahead(look, alive, everything, bodies, frozen, make_destination, moment):
    """What it noted holds up neither that an incident is told, nor that it is over."""
    destination = make_destination("Newsletter")
    known = {"key": f"broken:{destination.pk}", "event": "broken", "opened_at": frozen.now}
    future = frozen.now + timedelta(days=400)
    told = {"told_at": frozen.now} if moment == "well_since" else {}
    Incident.objects.create(**{**known, **told, moment: future})
    if moment == "opened_at":
        Health.objects.update(failures=9, held_since=frozen.now, hold_reason="answered 503")
    alive(60)
    assert types(bodies) == (["broken.opened"] if moment == "opened_at" else [])
    assert Incident.objects.filter(closed_at=None).exists() == (moment == "opened_at")


def test_an_idle_look_is_a_few_statements(look, frozen, make_destination, alive):
    for n in range(3):
        make_destination(f"d{n}")
    alive(120)

    def statements():
        frozen.forward(15)
        Heartbeat.objects.update(at=frozen.now)
        with CaptureQueriesContext(connection) as captured:
            assert watch.look(frozen.now)
        return len(captured.captured_queries)

    alive(75)  # the minute's look is done
    few = statements()
    assert few <= 5
    with CaptureQueriesContext(connection) as captured:
        assert not watch.look(frozen.now)
    assert len(captured.captured_queries) == 1


def test_a_look_costs_the_same_for_many_sick_destinations_that_are_told(
    look, frozen, alive, make_destination
):
    def statements():
        frozen.forward(15)
        Heartbeat.objects.update(at=frozen.now)
        with CaptureQueriesContext(connection) as captured:
            assert watch.look(frozen.now)
        return len(captured.captured_queries)

    make_destination("d")
    Health.objects.update(failures=9, hold_reason="answered 503")
    alive(135)
    few = statements()
    for n in range(5):
        make_destination(f"d{n}")
    Health.objects.update(failures=9, hold_reason="answered 503")
    alive(120)
    assert statements() == few


def test_old_incidents_are_forgotten(look, frozen, everything, settings):
    for days in (1, 400):
        Incident.objects.create(
            key=f"k{days}", event="broken", opened_at=START, closed_at=frozen.now - timedelta(days=days)
        )
    look.after(15)
    assert [one.key for one in Incident.objects.all() if one.key.startswith("k")] == ["k1"]


def test_an_incident_of_a_deleted_destination_goes_with_it(look, frozen, everything, make_destination, alive):
    destination = make_destination("Newsletter")
    Health.objects.update(failures=9, hold_reason="answered 503")
    alive(120)
    assert Incident.objects.filter(destination=destination).exists()
    destination.delete()
    alive(30)
    assert not Incident.objects.exists()


def test_two_lookers_open_one_incident(look, frozen, everything, make_destination, bodies):
    from tracsync.notices import findings

    make_destination("Newsletter")
    Health.objects.update(failures=9, held_since=frozen.now - timedelta(hours=1), hold_reason="answered 503")
    [finding] = findings.broken(frozen.now)
    incidents.take(finding, None, frozen.now)
    incidents.take(finding, None, frozen.now)  # has not seen the other's
    assert Incident.objects.count() == 1
    assert NoticeChannel.objects.get().notices.count() == 1
