"""Audits: what a system holds beside what the mapping makes now, and exactly the pushes that heal it."""

import io
import re
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from destinations import configuration
from destinations.connectors.base import Held
from destinations.connectors.testing.doubles import ALL
from destinations.models import Audit, Destination, Extension, Health, ProfileSync, Replay, Resource
from destinations.operations import audit, audit_steps, replay
from destinations.scheduler import loop
from destinations.sync import sessions
from profiles import changes
from tests.api.conftest import Api, client_with
from tests.harness import ROOT
from tests.ticking import run_all

pytestmark = pytest.mark.django_db
PEOPLE = 40


@pytest.fixture
def hubspot(settings):
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["127.0.0.1"]
    with ALL["hubspot"]() as double:
        yield double
        sessions.close_all()


@pytest.fixture
def crm(frozen, hubspot):
    """A destination at the double, which holds everybody."""
    Extension.objects.filter(slug="hubspot").update(installed_at=frozen.now)
    resource = Resource(name="HubSpot", type_id="hubspot")
    resource.production = hubspot.credentials
    configuration.save(resource)
    destination = Destination(name="HubSpot", resource=resource, quiet_period=1)
    properties = {"email": "profile@mail", "plan": "profile@plan"}
    destination.mapping = {"id": "profile@mail", "properties": properties}
    destination.prerequisites = "profile@consent == true"
    destination.on_leave = "remove"
    configuration.save(destination)
    write(*range(PEOPLE))
    settle(frozen)
    assert len(hubspot.stored) == PEOPLE
    return destination


@pytest.fixture
def api(db):
    return Api(client_with())


def write(*numbers, **more):
    usual = {"plan": "pro", "consent": True, **more}
    documents = [{"id": f"p{n:02}", "mail": f"p{n:02}@x.example", **usual} for n in numbers]
    changes.write([changes.change_from(one) for one in documents])


def settle(frozen):
    frozen.forward(2)
    run_all()


def number_of(hubspot, n):
    return hubspot._numbers[f"p{n:02}@x.example"]


def done(**options):
    destination = Destination.objects.get()
    begun = audit.request(destination, **options)
    run_all()
    begun.refresh_from_db()
    return begun


def found(begun):
    return [(one.profile_id, one.kind, one.fields) for one in begun.findings.all()]


def upserts(hubspot):
    return [item["id"] for call in hubspot.sent() if "inputs" in call for item in call["inputs"]]


def test_a_tenth_that_was_lost_is_found_and_healed_with_exactly_those_pushes(crm, hubspot, frozen):
    lost = [3, 11, 19, 27]
    for n in lost:
        del hubspot.stored[number_of(hubspot, n)]
    hubspot.stored[number_of(hubspot, 5)]["plan"] = "free"
    hubspot.seen.clear()
    begun = done()
    assert begun.counts == {
        **{"equal": 35, "differs": 1, "missing": 4, "extra": 0, "left_out": 0, "unknown": 0}
    }
    assert sorted(found(begun)) == [
        ("p03", "missing", []),
        ("p05", "differs", ["properties.plan"]),
        *((f"p{n}", "missing", []) for n in lost[1:]),
    ]
    assert hubspot.sent() == []
    healed = done(heal=True)
    assert (healed.state, healed.healed, healed.done) == ("finished", 5, PEOPLE)
    assert sorted(upserts(hubspot)) == [f"p{n:02}@x.example" for n in sorted([*lost, 5])]
    assert done().equal == PEOPLE


def test_what_is_on_its_way_or_refused_is_left_out_and_what_should_be_gone_is_told(crm, hubspot, frozen):
    write(1, consent=False)
    write(4, consent=False)
    settle(frozen)
    assert ProfileSync.objects.filter(state="removed").count() == 2
    hubspot.stored[number_of(hubspot, 1)] = {"email": "p01@x.example", "plan": "pro"}
    ProfileSync.objects.filter(profile="p02").update(state="rejected")
    write(3, plan="x")
    begun = done(heal=True)
    assert found(begun) == [("p01", "extra", [])]
    assert (begun.extra, begun.left_out, begun.equal, begun.healed) == (1, 3, PEOPLE - 4, 0)


def test_who_was_kept_when_they_left_is_extra_once_nobody_is_kept(crm, frozen):
    crm.on_leave = "keep"
    crm.save()
    write(1, consent=False)
    settle(frozen)
    ProfileSync.objects.filter(profile="p01").update(remote_id="")  # as systems do that name nobody
    begun = done()
    assert (begun.extra, begun.left_out) == (0, 1)
    crm.on_leave = "remove"
    crm.save()
    begun = done()
    assert (found(begun), begun.left_out) == ([("p01", "extra", [])], 0)


def test_a_profile_that_was_never_sent_is_missing_and_is_sent(crm, hubspot, frozen):
    ProfileSync.objects.filter(profile="p07").delete()
    del hubspot.stored[number_of(hubspot, 7)]
    begun = done(heal=True)
    assert (found(begun), begun.healed) == ([("p07", "missing", [])], 1)
    assert number_of(hubspot, 7) in hubspot.stored


def test_a_sample_is_so_many_and_its_ids_are_not_kept(crm):
    begun = done(sample=8)
    assert (begun.total, begun.done, begun.equal, begun.chosen) == (8, 8, 8, [])


def test_half_of_the_limits_is_for_pushes(crm, hubspot, frozen):
    Destination.objects.update(rate_limit=10, rate_period="minute")
    Health.objects.update(usage=[])
    hubspot.seen.clear()
    begun = audit.request(Destination.objects.get())
    for reads in (5, 10):
        run_all()
        begun.refresh_from_db()
        assert (len(hubspot.seen), begun.done) == (reads, reads)
        frozen.forward(70)


def test_it_goes_on_where_it_was_paused_and_not_after_its_end(crm, monkeypatch):
    monkeypatch.setattr(audit_steps, "STEP_SECONDS", -1)
    begun = audit.request(crm)
    loop.tick()
    begun.refresh_from_db()
    assert begun.done == audit_steps.BATCH
    begun.pause()
    run_all()
    begun.refresh_from_db()
    assert begun.done == audit_steps.BATCH
    begun.resume()
    run_all()
    begun.refresh_from_db()
    assert (begun.state, begun.done, begun.equal) == ("finished", PEOPLE, PEOPLE)


def test_a_system_that_refuses_is_asked_again_and_then_left_to_a_person(crm, hubspot, frozen):
    hubspot.lets_in = lambda request: False
    begun = audit.request(crm)
    for _ in range(audit_steps.MOST_FAILURES):
        run_all()
        frozen.forward(200)
    begun.refresh_from_db()
    assert (begun.state, begun.done) == ("paused", 0)
    assert begun.problem == "HubSpot refused the token"
    assert not begun.findings.exists()
    del hubspot.lets_in
    begun.resume()
    run_all()
    begun.refresh_from_db()
    assert (begun.state, begun.equal, begun.problem) == ("finished", PEOPLE, "")


def deep():
    nested = "x"
    for _ in range(100_000):
        nested = [nested]
    return nested


def test_hostile_answers_are_bounded(crm, monkeypatch, frozen):
    many = {f"f{n}" * 100: n for n in range(1000)}
    answers = iter([Held({"id": "p", "properties": deep()}), "nothing", Held(problem="x" * 5000), Held(many)])

    class Session:
        def read(self, deliveries):
            return [next(answers, Held(one.payload)) for one in deliveries]

    @contextmanager
    def borrowed(*_):
        yield Session()

    monkeypatch.setattr(sessions, "borrowed", borrowed)
    begun = done()
    assert (begun.unknown + begun.differs, begun.done) == (4, PEOPLE)
    assert all(len(one.reason) <= 200 and len(one.fields) <= 20 for one in begun.findings.all())


def test_nothing_personal_is_logged(crm, hubspot, caplog):
    hubspot.stored[number_of(hubspot, 5)]["plan"] = "a secret of p05"
    with caplog.at_level("DEBUG"):
        begun = done()
    assert begun.differs == 1
    ours = [one.getMessage() for one in caplog.records if one.name.startswith(("destinations", "tracsync"))]
    assert not any("secret" in one or "p05" in one for one in ours)


class TestWhereNothingCanBeRead:
    @pytest.fixture
    def plain(self, frozen, recording, make_destination):
        destination = make_destination("plain")
        changes.write([changes.change_from({"id": f"p{n:02}"}) for n in range(12)])
        frozen.forward(30)
        run_all()
        recording.deliveries.clear()
        return destination

    def test_it_says_so_and_everything_can_be_sent_again_over_a_time(self, plain, recording, frozen):
        with pytest.raises(audit.NotReadable, match="cannot be asked what it holds"):
            audit.request(plain)
        with pytest.raises(CommandError, match="--resend-over HOURS"):
            call_command("audit", "plain")
        out = io.StringIO()
        with pytest.raises(CommandError, match="--sample is for comparing, and --resend-over"):
            call_command("audit", "plain", "--sample", "5", "--resend-over", "1")
        call_command("audit", "plain", "--resend-over", "1", stdout=out)
        assert "12 profiles are sent again at plain" in out.getvalue()
        counts = []
        for _ in range(4):
            frozen.forward(1200)
            run_all()
            counts.append(len(recording.deliveries))
        assert counts == [4, 8, 12, 12]
        assert Replay.objects.get().state == "finished"
        assert len({one.key for one in recording.deliveries}) == 12

    def test_a_replay_over_a_time_waits_for_its_share(self, plain, frozen):
        job = audit.send_everything(plain, timedelta(hours=1))
        assert (job.share(frozen.now), replay.advance(frozen.now)) == (0, 0)


def run(line):
    """What a command says, and the status that it ends with."""
    out, (name, *arguments) = io.StringIO(), line.split()
    try:
        call_command(name, *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), ended.code
    return out.getvalue(), 0


def test_the_runbook(crm, hubspot, monkeypatch):
    """Its four commands, as the page has them, where the system has lost a tenth."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text[text.index("### A destination has lost data") :]
    commands = re.findall(r"^    manage\.py (.+)$", section, re.MULTILINE)[:4]
    monkeypatch.setattr("destinations.management.commands.audit.time.sleep", lambda seconds: run_all())
    for n in (3, 11, 19, 27):
        del hubspot.stored[number_of(hubspot, n)]
    hubspot.seen.clear()
    said = [run(command.replace("crm", "hubspot")) for command in commands]
    assert [status for _, status in said] == [0, 1, 0, 0]
    assert "40 compared: 36 equal, 0 differs, 4 missing" in said[1][0]
    assert "p03: missing" in said[1][0]
    assert "4 are sent again" in said[2][0]
    assert "40 compared: 40 equal" in said[3][0]
    assert sorted(upserts(hubspot)) == [f"p{n}@x.example" for n in ("03", "11", "19", "27")]


def test_the_command_pauses_resumes_and_cancels_the_one_that_runs(crm, monkeypatch):
    monkeypatch.setattr(audit_steps, "STEP_SECONDS", -1)
    monkeypatch.setattr("destinations.management.commands.audit.time.sleep", lambda seconds: run_all())
    with pytest.raises(CommandError, match="No audit of HubSpot is on its way"):
        run("audit hubspot --pause")
    begun = audit.request(crm)
    loop.tick()
    assert run("audit hubspot --pause")[0].startswith(f"Audit {begun.pk} is paused; --resume goes on: paused")
    with pytest.raises(CommandError, match="The audit is paused"):
        run("audit hubspot --watch")
    run_all()
    begun.refresh_from_db()
    assert (begun.state, begun.done) == ("paused", audit_steps.BATCH)
    with pytest.raises(CommandError, match="--heal is for a new audit, not for --resume"):
        run("audit hubspot --resume --heal")
    assert f"Audit {begun.pk} goes on" in run("audit hubspot --resume")[0]
    assert "40 compared: 40 equal" in run("audit hubspot --watch")[0]
    ended = audit.request(crm)
    assert f"Audit {ended.pk} is cancelled" in run("audit hubspot --cancel")[0]
    run_all()
    ended.refresh_from_db()
    assert (ended.state, ended.done) == ("cancelled", 0)


def test_the_api_begins_one_and_lists_what_it_found(crm, hubspot, api):
    hubspot.stored[number_of(hubspot, 5)]["plan"] = "what only they have"
    asked = api.post(f"/api/v1/destinations/{crm.pk}/audit/", {"sample": 40, "heal": False})
    assert (asked.status_code, asked.json()["total"], asked.json()["state"]) == (202, PEOPLE, "running")
    run_all()
    shown = api.get(f"/api/v1/audits/{asked.json()['id']}/").json()
    assert (shown["state"], shown["differs"], shown["equal"], shown["healed"]) == ("finished", 1, 39, 0)
    findings = api.get(f"/api/v1/audits/{asked.json()['id']}/findings/")
    assert findings.json()["results"] == [
        {"profile": "p05", "kind": "differs", "fields": ["properties.plan"], "reason": ""}
    ]
    assert "what only they have" not in findings.content.decode()
    assert api.post(f"/api/v1/audits/{asked.json()['id']}/pause/", {}).status_code == 409


def test_findings_have_one_order(crm, api):
    answer = api.get(f"/api/v1/audits/{done().pk}/findings/?ordering=-created_at")
    assert (answer.status_code, answer.json()["detail"]) == (400, "ordering: This list has one order")


def test_the_api_says_where_nothing_can_be_read_and_spreads_a_replay(api, make_destination, make_profile):
    destination = make_destination()
    make_profile()
    refused = api.post(f"/api/v1/destinations/{destination.pk}/audit/", {})
    assert refused.status_code == 400
    assert "cannot be asked what it holds" in refused.content.decode()
    ProfileSync.objects.create(profile_id="p1", destination=destination, state="synced")
    asked = {"choice": {"destination": destination.pk}, "over": 3600}
    [job] = api.post("/api/v1/replays/", asked).json()["replays"]
    assert (job["over"], job["total"]) == (3600.0, 1)


def test_the_admin_asks_first_and_shows_what_was_found(crm, hubspot, admin_client, client, django_user_model):
    del hubspot.stored[number_of(hubspot, 5)]
    page = reverse("admin:destinations_destination_audit", args=[crm.pk])
    assert "Compare what the system of" in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"sample": "0"}).status_code == 200
    answer = admin_client.post(page, {"sample": "", "heal": "on"})
    job = Audit.objects.get()
    assert answer.url == reverse("admin:destinations_audit_change", args=[job.pk])
    assert (job.heal, job.asked_by, job.total) == (True, "admin", PEOPLE)
    run_all()
    shown = admin_client.get(answer.url).content.decode()
    assert "p05" in shown
    assert admin_client.get(reverse("admin:destinations_audit_changelist")).status_code == 200
    staff = django_user_model.objects.create_user("viewer", password="x", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_audit"))
    client.force_login(staff)
    masked = client.get(answer.url).content.decode()
    assert "p05" not in masked
    assert "shown to those who may see profiles" in masked
    assert client.get(page).status_code == 403


def test_the_admin_offers_to_send_everything_where_nothing_can_be_read(
    admin_client, make_destination, make_profile
):
    destination = make_destination()
    page = reverse("admin:destinations_destination_audit", args=[destination.pk])
    assert "cannot be asked what it holds" in admin_client.get(page).content.decode()
    answer = admin_client.post(page, {"hours": "24"})
    job = Replay.objects.get()
    assert answer.url == reverse("admin:destinations_replay_change", args=[job.pk])
    assert job.over == timedelta(hours=24)
