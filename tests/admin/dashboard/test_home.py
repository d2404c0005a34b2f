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
from destinations.sync.lease import LEASE
from profiles.imports.models import ImportJob
from profiles.models import Profile
from tracsync.models import NoticeChannel, TrailEntry


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
    assert next_step(page("index")) == "Bring profiles in"
    Profile(document={"id": "p"}).save()
    assert next_step(page("index")) == "Install an extension"
    Extension.objects.filter(pk="http_api").update(installed_at=timezone.now())
    assert next_step(page("index")) == "Add a resource"
    made = Resource.objects.create(name="Receiver", type_id="http_api")
    assert next_step(page("index")) == "Add a destination"
    destination = Destination.objects.create(name="crm", resource=made)
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


def test_sample_profiles_are_added_by_a_button_and_take_nobodys_place(page, post, allow):
    url = reverse("admin:profiles_profile_samples")
    assert f'action="{url}"' in page("index")
    Profile(document={"id": "demo-01", "mine": True}).save()
    assert "19 sample profiles were added." in post("profiles_profile_samples")
    assert Profile.objects.get(pk="demo-01").document == {"id": "demo-01", "mine": True}
    assert "0 sample profiles were added." in post("profiles_profile_samples")
    client = allow("destinations.view_destination", "profiles.add_profile")
    assert client.post(url).status_code == 403


def test_a_step_that_is_done_is_ticked_whatever_comes_before(page, alive):
    text = page("index")
    assert re.search(r'Start a worker</strong>\s*<span class="t-badge is-fine">.*?</svg>Done<', text)


# Work under way


def test_work_under_way_is_shown_with_its_buttons_to_whoever_may_see_it(page, home, pushed, allow):
    running = Backfill.objects.create(destination=pushed, total=2000, done=700)
    Replay.objects.create(destination=pushed, total=9, finished_at=timezone.now())
    text = page("index")
    assert "Work under way" in text
    assert "700 of 2,000 handed over" in text
    assert reverse("admin:destinations_backfill_pause", args=[running.pk]) in text
    assert re.search(r'<span class="t-badge is-working">.*?</svg>running<', text)
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
    assert "Receiver Running" in text
    assert "99 of 100 pushes were accepted in the last day, half within 0.25 s." in text
    assert "Accepted 99 Rejected profiles 0 Waiting 1 Half sent within 0.25 s" in text
    assert "(5 s)" in text


@pytest.mark.parametrize(
    ("fields", "of_health", "words"),
    [
        ({"enabled": False, "disabled_at": "ago"}, {}, "Off Since {at} (2 h 0 min). The destination is off"),
        ({"paused_at": "ago"}, {}, "Paused The destination is paused since {at} (2 h 0 min ago)"),
        (
            {},
            {"held_until": "ahead", "held_since": "ago", "hold_reason": "status 503"},
            "Resting Since {at} (2 h 0 min). The destination rests until",
        ),
        (
            {},
            {"problem": "line 1: no", "problem_at": "ago"},
            "To be mended Since {at} (2 h 0 min). Line 1: no",
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


def test_of_one_that_runs_it_is_said_when_it_took_something_last(home, alive, pushed):
    health(pushed, last_accepted_at=timezone.now() - timedelta(minutes=5))
    assert "Running Last accepted 5 min ago" in home()


def test_a_limit_that_a_person_has_set_is_nothing_wrong(home, alive, pushed):
    Destination.objects.update(rate_limit=1, rate_period="day")
    health(pushed, usage=[[timezone.now().timestamp(), 1]])
    text = home()
    assert re.search(r"Limited Since [\d:]{8} \(0 s\)\. The limit of 1 a day is used up until", text)
    assert "The destination is well." in text


def test_changes_that_wait_for_long_are_said_and_a_backfill_is_not(home, alive, pushed):
    late = timezone.now() - timedelta(minutes=3)
    row = let_wait(pushed, 1, due_at=late, bulk=True)
    assert "Receiver Running" in home()
    row.bulk = False
    row.save()
    assert "Receiver Behind Since" in home()


# What needs a person


def needs(text):
    """Of the page: badge, sentence, detail and button of each."""
    found = re.search(r'<ul class="t-list is-problems">(.*?)</ul>', text, re.DOTALL)
    return (
        [
            " ".join(re.sub(r"<[^>]*>", " ", one).split())
            for one in re.findall("<li>.*?</li>", found[1], re.DOTALL)
        ]
        if found
        else []
    )


@pytest.mark.parametrize(
    ("of_health", "words"),
    [
        ({"stopped_at": "now", "refusal": "status 410"}, "Stopped Business customers is stopped."),
        (
            {"problem": "unknown function", "problem_at": "now"},
            "To be mended Business customers has to be mended.",
        ),
    ],
    ids=["stopped", "broken"],
)
def test_what_a_person_has_to_mend_stands_first_with_its_button(page, alive, pushed, of_health, words):
    assert not [one for one in needs(page("index")) if "Business customers" in one]
    health(pushed, **{name: timezone.now() if value == "now" else value for name, value in of_health.items()})
    [need] = [one for one in needs(page("index")) if "Business customers" in one]
    assert need.startswith(words)
    assert need.endswith(("See why, and start it", "Mend it"))


def test_where_we_are_not_let_in_its_button_leads_to_the_credentials(page, allow, alive, pushed):
    said = "answered 401: it refused the credentials"
    refused = {"refusals": 1, "refused_since": timezone.now(), "refusal": said}
    held = {"failures": 5, "held_until": timezone.now(), "held_since": timezone.now()}
    health(pushed, **refused, **held, hold_reason=said)
    url = reverse("admin:destinations_resource_change", args=[pushed.resource_id])
    [need] = [one for one in needs(page("index")) if "Business customers" in one]
    assert need.startswith("Refuses Business customers does not let us in. Since ")
    assert f'href="{url}">Mend the credentials</a>' in page("index")
    others = page("index", client=allow("destinations.view_destination"))
    assert url not in others
    assert needs(others)[0].endswith("Look at it")
    health(pushed, **refused, **held, hold_reason="answered 503")  # which it does since then
    [need] = [one for one in needs(page("index")) if "Business customers" in one]
    assert need.startswith("Refuses Business customers refuses what is sent.")


def test_what_ends_by_itself_or_is_wanted_needs_nobody(page, alive, pushed):
    health(
        pushed, held_until=timezone.now() + timedelta(minutes=1), held_since=timezone.now(), hold_reason="503"
    )
    assert not [one for one in needs(page("index")) if "Business customers" in one]
    Destination.objects.update(paused_at=timezone.now())
    assert not [one for one in needs(page("index")) if "Business customers" in one]


def test_rejected_profiles_need_somebody_and_are_one_click_away(page, allow, alive, pushed):
    for number in range(2):
        let_wait(pushed, number, due_at=None, state="rejected")
    url = reverse("admin:destinations_profilesync_changelist")
    url += f"?destination={pushed.pk}&amp;state__exact=rejected"
    text = page("index")
    assert "Business customers has rejected 2 profiles." in text
    assert f'href="{url}">See the 2 profiles</a>' in text
    assert url not in page("index", client=allow("destinations.view_destination"))


def test_an_import_that_waits_for_somebody_needs_them(page, pushed, allow):
    ImportJob.objects.create(name="people.csv", phase=ImportJob.Phase.READY)
    text = page("index", client=allow("profiles.view_profile", "profiles.view_importjob"))
    assert 'id="work-under-way"' in text, "who may do nothing about it sees it all the same"
    text = page("index", client=allow("profiles.add_profile", "profiles.change_profile"))
    [need] = [one for one in needs(text) if "Import of people.csv waits for you." in one]
    assert "waits for you. Waits: somebody has to" in need
    assert 'id="work-under-way"' not in text, "it is not said twice"


def test_the_title_answers_first(page, alive, pushed):
    NoticeChannel.objects.create(name="all", kind="email", enabled=True)
    assert "<h1>Everything is running</h1>" in page("index")
    health(pushed, problem="no", problem_at=timezone.now())
    assert "<h1>1 thing needs you</h1>" in page("index")
    Heartbeat.objects.all().delete()
    assert "<h1>Nothing is sent at present</h1>" in page("index")


# The newest problems, and what was changed


def test_the_last_failed_attempt_of_each_destination_leads_to_why(page, allow, alive, pushed, profile):
    now = timezone.now()
    given = {"profile": profile, "version": 1, "duration_ms": 1, "outcome": "retry"}
    old = Destination.objects.create(name="old", resource=pushed.resource)
    DeliveryAttempt.objects.create(destination=old, at=now - timedelta(days=2), reason="of long ago", **given)
    for ago, reason in ((2, "not the last"), (1, "status 503: <b>gone</b>")):
        DeliveryAttempt.objects.create(
            destination=pushed, at=now - timedelta(minutes=ago), reason=reason, **given
        )
    text = page("index")
    assert "status 503: &lt;b&gt;gone&lt;/b&gt;" in text
    assert "not the last" not in text
    assert "of long ago" not in text
    why = reverse("admin:profiles_profile_why", args=["anna", pushed.pk])
    assert f'href="{why}"' in text
    reading = allow("destinations.view_destination", "destinations.view_deliveryattempt")
    text = page("index", client=reading)
    assert "status 503" in text
    assert why not in text, "it shows the profile"


def test_what_was_changed_is_said_in_the_readers_language(admin_client, pushed):
    edited = {"action": "changed", "kind": "destinations.destination", "object_id": str(pushed.pk)}
    TrailEntry.objects.create(**edited, object="x", changes={"quiet_period": [1, 2], "gone": [1, 2]})
    text = admin_client.get(reverse("admin:index"), HTTP_ACCEPT_LANGUAGE="de").content.decode()
    said = ("Geändert: Ruhezeit, gone", "Geändert: gone, Ruhezeit")  # JSON has an order on SQLite only
    assert any(one in text for one in said)


def test_changes_are_those_of_what_the_reader_may_see(page, allow, admin_user, pushed, profile):
    who = {"actor_kind": "person", "actor_id": admin_user.pk, "actor": "admin", "face": "admin"}
    paused = {"action": "paused", "kind": "destinations.destination", "object_id": pushed.pk}
    TrailEntry.objects.create(**who, **paused, object=pushed.name)
    edited = {"action": "changed", "kind": "profiles.profile", "object_id": "anna", "object": "anna"}
    TrailEntry.objects.create(**who, **edited, changes={"data.city": ["•••", "•••"]})
    text = page("index")
    assert "Paused" in text
    assert "Changed: data.city" in text
    text = page("index", client=allow("destinations.view_destination"))
    assert "Paused" in text
    assert "data.city" not in text
    assert "anna" not in text


@pytest.mark.parametrize(("span", "accepted"), [("", 5), ("hour", 2), ("week", 9), ("nonsense", 5)])
def test_a_span_of_time_is_chosen(page, home, alive, pushed, span, accepted):
    now = counters.slot(timezone.now())
    for ago, number in ((0, 2), (20, 3), (600, 4)):  # five minutes each
        Tally.objects.create(destination=pushed, slot=now - ago, accepted=number)
    assert f"Accepted {accepted} " in home(query=f"span={span}")
    assert page("index", query=f"span={span}").count('aria-current="true"') == 1


def test_the_span_that_was_chosen_is_kept_on_home_and_in_funnels(admin_client, alive, pushed):
    home, funnel = "/admin/", reverse("admin:destinations_destination_funnel", args=[pushed.pk])

    def shown(url, **options):
        text = admin_client.get(url, **options).text
        return re.search(r'<a href="\?(?:span|period)=(\w+)" aria-current', text)[1]

    assert shown(home) == "day"
    assert shown(f"{home}?span=week") == "week"
    assert (shown(home), shown(funnel)) == ("week", "week")
    assert shown(f"{funnel}?period=hour") == "hour"
    assert (shown(home), shown(funnel)) == ("hour", "hour")
    # A page that was opened before goes on showing its own, and changes nothing.
    assert shown(f"{home}?span=week", headers={"X-Tracsync-Live": "1"}) == "week"
    assert shown(home) == "hour"


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
    assert few < 23


def test_it_shows_no_secret(page, alive, pushed, secret):
    assert secret not in page("index")


def test_waiting_rows_are_found_through_the_index(alive, pushed):
    from destinations.admin.dashboard import home

    plan = home._destinations().explain()
    if connection.vendor == "sqlite":
        assert "TEMP B-TREE" not in plan
        assert plan.count("owed_by_destination (destination_id=? AND bulk=?") == 2
        assert plan.count("failed_by_destination") == 1
