"""Home: is it working, what is wrong, and what to do next."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from destinations.models import (
    Backfill,
    DeliveryAttempt,
    Destination,
    Extension,
    Health,
    Heartbeat,
    ProfileSync,
    Replay,
    Resource,
    Tally,
)
from destinations.sync import counters
from destinations.sync.claim import LEASE
from profiles.imports.models import ImportJob
from profiles.models import Profile


@pytest.fixture
def home(page):
    """The words of Home."""

    def read(**options):
        return " ".join(re.sub(r"<[^>]*>", " ", page("index", **options)).split())

    return read


@pytest.fixture
def alive(db):
    return Heartbeat.objects.create(name="host:1", at=timezone.now())


@pytest.fixture
def pushed(destination):
    """Something was pushed, so the first steps are over."""
    Health.objects.update_or_create(destination=destination, defaults={"last_accepted_at": timezone.now()})
    return destination


def let_wait(destination, number, **fields):
    profile = Profile(document={"id": f"p{number}"})
    profile.save()
    given = {"due_at": timezone.now(), **fields}
    return ProfileSync.objects.create(profile=profile, destination=destination, **given)


def count(destination, **counts):
    Tally.objects.create(destination=destination, slot=counters.slot(timezone.now()), **counts)


def health(destination, **fields):
    Health.objects.update_or_create(destination=destination, defaults=fields)


# First steps


def next_step(text):
    return re.search(r'aria-current="step">.*?<strong>(?:<a [^>]*>)?(.*?)<', text, re.DOTALL).group(1)


def test_an_empty_installation_says_what_to_do_one_step_after_the_other(page, resource, django_user_model):
    Resource.objects.all().delete()
    Extension.objects.update(installed_at=None)
    assert next_step(page("index")) == "Install an extension"
    Extension.objects.filter(pk="http_api").update(installed_at=timezone.now())
    assert next_step(page("index")) == "Add a resource"
    made = Resource.objects.create(name="Receiver", type_id="http_api")
    assert next_step(page("index")) == "Add a destination"
    destination = Destination.objects.create(name="crm", resource=made)
    assert next_step(page("index")) == "Bring profiles in"
    Profile(document={"id": "p"}).save()
    assert next_step(page("index")) == "Start a worker"
    Heartbeat.objects.create(name="host:1", at=timezone.now())
    assert next_step(page("index")) == "See the first push arrive"
    health(destination, last_accepted_at=timezone.now())
    assert "First steps" not in page("index")


def test_steps_lead_to_where_they_are_done(page, allow, db):
    text = page("index")
    for name in ("destinations_extension_changelist", "destinations_resource_add", "profiles_importjob_add"):
        assert f'<strong><a href="{reverse(f"admin:{name}")}">' in text
    single = f'<a href="{reverse("admin:profiles_profile_add")}">'
    assert single in text
    adding = allow("destinations.view_destination", "profiles.add_profile")
    assert f"<strong>{single}" in page("index", client=adding), "an import replaces profiles, too"
    looking = allow("destinations.view_destination")
    assert reverse("admin:destinations_resource_add") not in page("index", client=looking)


def test_a_step_that_is_done_is_ticked_whatever_comes_before(page, alive):
    text = page("index")
    assert re.search(r"Start a worker</strong>\s*<span[^>]*>done", text)


# Work under way


def test_work_under_way_is_shown_with_its_buttons_to_whoever_may_see_it(page, home, pushed, allow):
    running = Backfill.objects.create(destination=pushed, total=2000, done=700)
    Replay.objects.create(destination=pushed, total=9, finished_at=timezone.now())
    text = page("index")
    assert "Work under way" in text
    assert "700 of 2,000 handed over" in text
    assert reverse("admin:destinations_backfill_pause", args=[running.pk]) in text
    assert "Replay at" not in text
    importing = allow("profiles.add_profile", "profiles.change_profile")
    assert "700 of 2,000" not in home(client=importing)
    ImportJob.objects.create(name="people.csv", phase=ImportJob.Phase.READY)
    assert "Import of people.csv" in home(client=importing)
    running.cancel()
    ImportJob.objects.all().delete()
    assert "Work under way" not in re.sub("<nav.*?</nav>", "", page("index"), flags=re.DOTALL)


def test_of_much_work_the_first_is_shown(home, pushed):
    for _ in range(9):
        Backfill.objects.create(destination=pushed, total=10)
    text = home()
    assert text.count("0 of 10 handed over") == 6
    assert "3 more under way" in text


# The engine


def test_a_worker_that_runs(home, alive, pushed):
    text = home()
    assert "Schedulers and workers are running." in text
    assert "1 is alive: host:1" in text
    assert "0 being pushed, 0 waiting for a worker" in text


def test_nothing_runs(home, pushed):
    assert "Nothing is running: changes are recorded, and not sent." in home()
    assert "python manage.py worker" in home()


def test_nothing_runs_any_more(home, pushed, frozen):
    Heartbeat.objects.create(name="host:1", at=frozen.now)
    frozen.forward(30)
    assert re.search(r"Nothing is running since 12:00:00 \(\d+ s ago\)", home())


def test_a_scheduler_without_a_worker(home, alive, pushed):
    late, claimed = timezone.now() - timedelta(seconds=40), timezone.now() + LEASE
    token = "7a1e3f0c-5c7d-4c59-9d3e-3f1a0c8f2b11"
    let_wait(pushed, 1, due_at=late, claimed_until=claimed, claim_token=token, state="claimed")
    assert "no worker takes what it hands out" in home()
    count(pushed, settled=1)
    assert "no worker takes what it hands out" in home(), "settling is the scheduler's work"
    Tally.objects.update(accepted=1)
    assert "Schedulers and workers are running." in home()
    assert "0 being pushed, 1 waiting for a worker" in home()


def test_queue_and_profiles_still_changing_are_shown(home, alive, pushed, profile, settings):
    OrmQ.objects.create(key=settings.Q_CLUSTER["name"], payload="", lock=timezone.now())
    text = home()
    assert "1 task" in text
    assert "Profiles still changing 1, the oldest changed at" in text


def test_redis_that_does_not_answer_is_said(home, alive, pushed, settings):
    pytest.importorskip("redis")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis does not answer" in home()


# The destinations


def test_a_destination_that_is_well(home, alive, pushed):
    count(pushed, accepted=99, retry=1, lag_0=60, lag_3=40)
    let_wait(pushed, 1, due_at=timezone.now() - timedelta(seconds=5))
    text = home()
    assert "The destination is well." in text
    assert "Business customers running" in text
    assert "half within 0.25 s, 95 % within 2 s" in text
    assert "100 pushes 99 % accepted" in text
    assert "(5 s)" in text


@pytest.mark.parametrize(
    ("fields", "of_health", "words"),
    [
        ({"enabled": False, "disabled_at": "ago"}, {}, "off since {at} (2 h 0 min) the destination is off"),
        ({"paused_at": "ago"}, {}, "paused since {at} (2 h 0 min) the destination is paused"),
        (
            {},
            {"held_until": "ahead", "held_since": "ago", "hold_reason": "status 503"},
            "resting since {at} (2 h 0 min) the destination rests until",
        ),
        (
            {},
            {"problem": "line 1: no", "problem_at": "ago"},
            "to be mended since {at} (2 h 0 min) line 1: no",
        ),
    ],
    ids=["off", "paused", "resting", "problem"],
)
def test_what_holds_a_destination_up_and_since_when(home, alive, pushed, frozen, fields, of_health, words):
    moments = {"ago": frozen.now - timedelta(hours=2), "ahead": frozen.now + timedelta(minutes=1)}
    Heartbeat.objects.update(at=frozen.now)
    Destination.objects.update(**{name: moments.get(value, value) for name, value in fields.items()})
    health(pushed, **{name: moments.get(value, value) for name, value in of_health.items()})
    text = home()
    assert words.format(at="10:00:00") in text
    assert "1 of 1 destinations is not sending as usual." in text


def test_a_limit_that_a_person_has_set_is_nothing_wrong(home, alive, pushed):
    Destination.objects.update(rate_limit=1, rate_period="day")
    health(pushed, usage=[[timezone.now().timestamp(), 1]])
    text = home()
    assert re.search(r"limited since [\d:]{8} \(0 s\) the limit of 1 a day is used up until", text)
    assert "The destination is well." in text


def test_changes_that_wait_for_long_are_said_and_a_backfill_is_not(home, alive, pushed):
    late = timezone.now() - timedelta(minutes=3)
    row = let_wait(pushed, 1, due_at=late, bulk=True)
    assert "Business customers running" in home()
    row.bulk = False
    row.save()
    assert "Business customers behind since" in home()


def test_problems_are_told_in_words_the_latest_first(home, alive, pushed, profile):
    now = timezone.now()
    DeliveryAttempt.objects.create(
        profile=profile, destination=pushed, version=1, duration_ms=1, outcome="retry", at=now,
        reason="status 503: <b>gone</b>",
    )  # fmt: skip
    health(pushed, problem="unknown function lowercas", problem_at=now - timedelta(hours=1))
    text = home()
    problems = text[text.index("Latest problems") :]
    assert "last failed attempt: status 503: &lt;b&gt;gone&lt;/b&gt;" in problems
    assert "a person has to mend this: unknown function lowercas" in problems
    assert problems.index("503") < problems.index("lowercas")


def test_rejected_ones_are_counted_and_one_click_away(page, alive, pushed):
    for number in range(2):
        let_wait(pushed, number, due_at=None, state="rejected")
    url = reverse("admin:destinations_profilesync_changelist")
    assert f'<a href="{url}?destination={pushed.pk}&amp;state__exact=rejected">2 rejected</a>' in page(
        "index"
    )


def test_charts_tell_their_content_to_those_who_do_not_see_them(page, alive, pushed):
    count(pushed, accepted=3, unknown=1)
    text = page("index")
    start = text.index('<svg class="tracsync-chart" role="img"')
    chart = text[start : text.index("</svg>", start)]
    assert "<title id" in chart
    assert "Last hour</title>" in chart
    assert "4 pushes since" in chart
    assert "75 % accepted" in chart
    assert "style=" not in chart


def test_many_destinations_are_shown_to_a_limit_those_in_trouble_first(page, alive, pushed, monkeypatch):
    monkeypatch.setattr("destinations.admin.dashboard.home.MOST_SHOWN", 2)
    for number in range(3):
        Destination.objects.create(name=f"d{number}", resource=pushed.resource, enabled=number != 2)
    text = page("index")
    assert text.index(">d2</a>") < text.index(">Business customers</a>")
    assert "2 more destinations" in text


# Who may see it, and what it costs


def test_those_who_may_not_look_at_destinations_see_none_of_it(page, allow, alive, pushed):
    text = page("index", client=allow("profiles.view_profile"))
    assert "Business customers" not in text
    assert "The engine" not in text
    assert "Profiles" in text


def test_those_who_may_look_at_destinations_only_see_no_attempts_and_no_lists(
    page, allow, alive, pushed, profile
):
    DeliveryAttempt.objects.create(
        profile=profile, destination=pushed, version=1, duration_ms=1, outcome="retry", at=timezone.now(),
        reason="what it answered",
    )  # fmt: skip
    text = page("index", client=allow("destinations.view_destination"))
    assert "Business customers" in text
    assert "what it answered" not in text
    assert reverse("admin:destinations_profilesync_changelist") not in text


def test_sections_stay_reachable(page, alive, pushed):
    assert reverse("admin:destinations_backfill_changelist") in page("index")


def test_it_costs_as_many_queries_whatever_the_number_of_destinations(admin_client, alive, pushed, profile):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get("/admin/").status_code == 200
        return len(captured.captured_queries)

    Backfill.objects.create(destination=pushed, total=10)
    queries()
    few = queries()
    for number in range(5):
        one = Destination.objects.create(name=f"d{number}", resource=pushed.resource)
        count(one, accepted=1)
        let_wait(one, number)
        Backfill.objects.create(destination=one, total=10)
        ImportJob.objects.create(name=f"{number}.csv")
    assert queries() == few
    assert few < 21


def test_it_shows_no_secret(page, alive, pushed, secret):
    assert secret not in page("index")


def test_waiting_rows_are_found_through_the_index(alive, pushed):
    from destinations.admin.dashboard import home

    plan = home._destinations().explain()
    if connection.vendor == "sqlite":
        assert "TEMP B-TREE" not in plan
        assert plan.count("owed_by_destination (destination_id=? AND bulk=?") == 2
        assert plan.count("failed_by_destination") == 2
