"""Every page opens, shows no secret, costs the same however many rows there are, and asks who may."""

import html
import re

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from destinations.models import (
    Backfill,
    DeliveryAttempt,
    Destination,
    Extension,
    Health,
    ProfileSync,
    Resource,
)
from profiles.models import Profile
from tracsync.models import ApiToken, TrailEntry

LISTS = (
    "destinations_destination",
    "destinations_profilesync",
    "destinations_deliveryattempt",
    "destinations_backfill",
    "destinations_resource",
    "destinations_extension",
    "profiles_profile",
    "tracsync_apitoken",
)


def attempt(profile, destination, **fields):
    given = {"version": 1, "at": timezone.now(), "duration_ms": 12, "outcome": "accepted", "status_code": 200}
    return DeliveryAttempt.objects.create(
        profile=profile, destination=destination, idempotency_key="1:1", **{**given, **fields}
    )


@pytest.fixture
def everything(profile, destination):
    ApiToken.generate("monitoring")[0].save()
    return {
        "destinations_destination": destination,
        "destinations_profilesync": ProfileSync.objects.create(
            profile=profile, destination=destination, due_at=timezone.now()
        ),
        "destinations_deliveryattempt": attempt(
            profile, destination, request="<b>sent</b>", response="<b>answered</b>"
        ),
        "destinations_backfill": Backfill.objects.create(destination=destination, total=10, done=4),
        "destinations_resource": destination.resource,
        "destinations_extension": destination.resource.type,
        "profiles_profile": profile,
        "tracsync_apitoken": ApiToken.objects.get(),
    }


@pytest.mark.parametrize("name", LISTS)
def test_lists_and_objects_open_and_show_no_secret(name, everything, page, secret):
    pk = everything[name].pk
    for text in (
        page(f"{name}_changelist"),
        page(f"{name}_changelist", query="q=a"),
        page(f"{name}_change", pk),
    ):
        assert secret not in text
        assert "style=" not in text.replace("<style>", "")
        assert "<script>" not in text


@pytest.mark.parametrize("name", LISTS)
def test_histories_open(name, everything, page):
    page(f"{name}_history", everything[name].pk)


@pytest.mark.parametrize(
    ("language", "words"), [("en", {True: "Yes", False: "No"}), ("de", {True: "Ja", False: "Nein"})]
)
def test_yes_and_no_are_badges_in_the_readers_language(everything, admin_client, language, words):
    url = reverse("admin:destinations_resource_changelist")
    for enabled, word in words.items():
        Resource.objects.update(enabled=enabled)
        text = admin_client.get(url, headers={"accept-language": language}).content.decode()
        assert f"</svg>{word}</span>" in text
        assert "icon-yes" not in text
        assert "icon-no" not in text


@pytest.mark.parametrize(("language", "words"), [("en", "Yes|No"), ("de", "Ja|Nein")])
def test_who_may_only_look_sees_badges_in_forms_too(everything, allow, secret, language, words):
    looks = Permission.objects.filter(codename__startswith="view_").select_related("content_type")
    client = allow(*(f"{one.content_type.app_label}.{one.codename}" for one in looks))
    shown = ""
    for name in LISTS:
        url = reverse(f"admin:{name}_change", args=[quote(everything[name].pk)])
        text = client.get(url, headers={"accept-language": language}).content.decode()
        assert not re.search(r"icon-(yes|no|unknown)", text), name
        assert not re.search(r'<div class="readonly">(None|True|False|[\[{].*)</div>', text), name
        assert secret not in text
        shown += text
    assert '"mail": "profile@' in html.unescape(shown)
    assert re.search(rf'<div class="readonly"><span class="t-badge is-\w+">.*?({words})</span>', shown)


def test_the_brokers_own_pages_are_left_out(admin_client, page):
    assert "django_q" not in page("index").lower()
    assert admin_client.get("/admin/django_q/schedule/").status_code == 404


def more(profile, destination, start):
    for number in range(start, start + 5):
        Extension.objects.create(slug=f"more-{number}", name=f"More {number}")
        resource = Resource.objects.create(name=f"resource {number}", type=destination.resource.type)
        other = Destination.objects.create(name=f"destination {number}", resource=resource)
        Health.objects.filter(pk=other.pk).update(held_until=timezone.now(), problem="x")
        document = {"id": f"more-{number}"}
        someone = Profile(document=document)
        someone.save()
        due = timezone.now()
        ProfileSync.objects.create(profile=someone, destination=other, due_at=due, state="retrying")
        attempt(someone, other)
        Backfill.objects.create(destination=other)
        ApiToken.generate(f"token {number}")[0].save()


def queries(client, url):
    client.get(url)  # the first request of all fills caches
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("name", [one for one in LISTS if one != "destinations_extension"])
def test_lists_ask_as_often_whatever_their_length(name, everything, admin_client, profile, destination):
    url = reverse(f"admin:{name}_changelist")
    more(profile, destination, 0)
    few = queries(admin_client, url)
    more(profile, destination, 5)
    many = queries(admin_client, url)
    assert len(few) == len(many), "\n".join(many)
    assert len(many) < 14


def test_a_profiles_page_asks_as_often_whatever_the_number_of_destinations(
    everything, admin_client, profile, destination
):
    url = reverse("admin:profiles_profile_change", args=[profile.pk])
    few = len(queries(admin_client, url))
    more(profile, destination, 0)
    for other in Destination.objects.exclude(pk=destination.pk):
        ProfileSync.objects.create(profile=profile, destination=other, due_at=timezone.now())
    assert len(queries(admin_client, url)) == few


def test_lists_read_neither_documents_nor_secrets(everything, admin_client):
    for name in LISTS:
        sql = " ".join(queries(admin_client, reverse(f"admin:{name}_changelist")))
        for column in ('"document"', '"production"', '"destinations_destination"."settings"', '"response"'):
            assert column not in sql, name


def test_large_tables_are_counted_to_a_limit(db, page, monkeypatch):
    monkeypatch.setattr("tracsync.common.bounded_lists.MOST_COUNTED", 100)
    monkeypatch.setattr("tracsync.common.bounded_lists.count.__defaults__", (100,))
    for number in range(120):
        Profile(document={"id": f"p{number:03}"}).save()
    assert "100+" in page("profiles_profile_changelist")


def test_what_waits_is_counted_to_a_limit_in_the_same_query(destination, profile, page, monkeypatch):
    for number in range(4):
        someone = Profile(document={"id": f"p{number}"})
        someone.save()
        ProfileSync.objects.create(profile=someone, destination=destination, due_at=timezone.now())
    assert ">4<" in page("destinations_destination_changelist")
    monkeypatch.setattr("destinations.insight.destination_status.MOST_WAITING", 3)
    assert ">3+<" in page("destinations_destination_changelist")


def test_searching_profiles_is_by_beginning_or_exactly(db, page):
    for id in ("anna", "anna-2", "Anna", "bob", "a%b", "x/y z"):
        Profile(document={"id": id}).save()

    def found(term):
        text = page("profiles_profile_changelist", query=f"q={term}")
        return {id for id in ("anna", "anna-2", "Anna", "bob") if f">{id}</a>" in text}

    assert found("ann") == {"anna", "anna-2"}
    assert found("=anna") == {"anna"}
    assert found("zzz") == set()
    assert "x/y z" in page("profiles_profile_change", "x/y z")
    assert ">a%b</a>" in page("profiles_profile_changelist", query="q=a%25")


POSTS = (
    ("destinations_destination_pause", "destinations_destination"),
    ("destinations_destination_resume", "destinations_destination"),
    ("destinations_destination_test", "destinations_destination"),
    ("destinations_destination_send", "destinations_destination"),
    ("destinations_resource_check", "destinations_resource"),
    ("destinations_extension_install", "destinations_extension"),
    ("destinations_extension_uninstall", "destinations_extension"),
    ("destinations_profilesync_sync_now", "destinations_profilesync"),
    ("destinations_profilesync_replay", "destinations_profilesync"),
    ("profiles_profile_replay", "profiles_profile"),
    ("profiles_profile_sync_now", "profiles_profile"),
    ("destinations_backfill_pause", "destinations_backfill"),
    ("destinations_backfill_resume", "destinations_backfill"),
    ("destinations_backfill_cancel", "destinations_backfill"),
)


@pytest.mark.parametrize(("name", "kind"), POSTS)
def test_buttons_are_for_posts_of_those_who_may(name, kind, everything, allow, admin_client):
    url = reverse(f"admin:{name}", args=[quote(everything[kind].pk)])
    app, model = kind.split("_")
    assert admin_client.get(url).status_code == 405
    watcher = allow(f"{app}.view_{model}")
    assert watcher.post(url).status_code == 403


@pytest.mark.parametrize(("name", "kind"), POSTS)
def test_buttons_need_a_csrf_token(name, kind, everything, admin_user, client):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(reverse(f"admin:{name}", args=[quote(everything[kind].pk)])).status_code == 403


@pytest.mark.parametrize("name", LISTS)
def test_those_who_may_look_see_pages_without_buttons(name, everything, allow, page, secret):
    app, model = name.split("_")
    watcher = allow(f"{app}.view_{model}")
    text = page(f"{name}_change", everything[name].pk, client=watcher)
    assert "tracsync-buttons" not in text
    assert "Sync now" not in text
    assert secret not in text
    assert page(f"{name}_changelist", client=watcher)


@pytest.mark.parametrize("name", LISTS)
def test_those_who_may_not_look_see_nothing(name, everything, allow):
    client = allow()
    pk = everything[name].pk
    assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403
    assert client.get(reverse(f"admin:{name}_change", args=[quote(pk)])).status_code == 403


def test_what_the_engine_writes_cannot_be_edited(everything, admin_client, page):
    for name in ("destinations_profilesync", "destinations_deliveryattempt", "destinations_backfill"):
        assert admin_client.get(reverse(f"admin:{name}_add")).status_code == 403
        text = page(f"{name}_change", everything[name].pk)
        assert 'name="_save"' not in text
        assert "deletelink" not in text


def test_kept_bodies_are_shown_escaped(everything, page):
    text = page("destinations_deliveryattempt_change", everything["destinations_deliveryattempt"].pk)
    assert "&lt;b&gt;answered&lt;/b&gt;" in text


def test_the_policy_for_content_is_sent_and_allows_nothing_inline(page, admin_client):
    policy = admin_client.get("/admin/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_history_holds_no_secret(everything, admin_client, secret):
    assert secret not in str(list(TrailEntry.objects.values()))


def test_results_are_counted_where_something_was_searched(profile, page):
    assert "1 result" not in page("profiles_profile_changelist")
    assert "1 result" in page("profiles_profile_changelist", query="q=anna")


def test_there_is_no_other_site_to_view(page):
    assert "View site" not in page("index")
