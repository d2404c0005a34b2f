"""A destination's funnel: its counts, their shares, and the reasons with their samples."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from destinations.admin.dashboard import reasons
from destinations.insight import reasons as ranking
from destinations.models import DeliveryAttempt, Destination, ProfileSync, Tally
from destinations.operations import selection
from destinations.sync import counters
from profiles.models import Profile


def count(destination, ago=0, **counts):
    Tally.objects.create(destination=destination, slot=counters.slot(timezone.now()) - ago, **counts)


@pytest.fixture
def funnel(page, destination):
    """The rows of the funnel: title -> (count, share)."""

    def read(query="", **options):
        text = page("destinations_destination_funnel", destination.pk, query=query, **options)
        rows = re.findall(r'<tr class="[^"]*tracsync-stage-.*?</tr>', text, re.DOTALL)
        assert len(rows) == 13 + ("Answer awaited" in text)
        return SimpleNamespace(text=text, stages=dict(map(stage, rows)))

    return read


def stage(row):
    title = re.search(r'<th scope="row">(.*?)\s*<svg', row, re.DOTALL).group(1)
    number, share = re.findall(r"<td data-label[^>]*>(.*?)</td>", row, re.DOTALL)
    return title, (re.sub("<span.*?</span>|<[^>]*>", "", number), share)


@pytest.fixture
def people(db):
    for name in ("anna", "ben", "cleo"):
        Profile(document={"id": name}).save()
    Profile.objects.update_marks(first_changed_at=None)


@pytest.fixture
def sync(destination, people):
    def make(profile, state, reason="", **fields):
        return ProfileSync.objects.create(
            profile_id=profile, destination=destination, state=state, reason=reason, **fields
        )

    return make


@pytest.fixture
def attempt(destination, people):
    def make(profile, outcome="retry", reason="status 503", ago=timedelta()):
        return DeliveryAttempt.objects.create(
            profile_id=profile, destination=destination, version=1, duration_ms=1, outcome=outcome,
            reason=reason, at=timezone.now() - ago,
        )  # fmt: skip

    return make


def test_every_stage_says_its_count_and_share(funnel, destination, people):
    count(
        destination,
        settled=90, skipped=20, refused=5, unchanged=15,
        accepted=50, removed=10, retry=6, rejected=3, unknown=1,
    )  # fmt: skip
    Profile.objects.filter(pk="anna").update_marks(first_changed_at=timezone.now())
    assert funnel().stages == {
        "Changed": ("91", "-"),
        "Quiet": ("90", "-"),
        "Looked at": ("100", "-"),
        "Not met": ("20", "20 % of what was looked at"),
        "Met": ("80", "80 % of what was looked at"),
        "Refused": ("5", "5 % of what was looked at"),
        "Unchanged": ("15", "15 % of what was looked at"),
        "Sent": ("60", "60 % of what was looked at"),
        "Accepted": ("50", "83.3 % of what was sent"),
        "Removed": ("10", "16.7 % of what was sent"),
        "To be retried": ("6", "10 % of what was sent"),
        "Rejected": ("3", "5 % of what was sent"),
        "Unknown": ("1", "1.7 % of what was sent"),
    }


def test_an_empty_one_opens(funnel):
    found = funnel()
    assert set(found.stages.values()) == {("0", "-")}
    assert "nothing sent" in found.text


def test_it_counts_what_was_in_the_period_at_this_destination(funnel, destination):
    other = Destination.objects.create(name="other", resource=destination.resource)
    count(other, accepted=1000)
    for ago in (0, 100, 1000):
        count(destination, ago, accepted=1)
    for query, expected in (("", "2"), ("period=hour", "1"), ("period=day", "2"), ("period=week", "3")):
        assert funnel(query).stages["Accepted"][0] == expected


@pytest.mark.parametrize("query", ["period=", "period=year", "period=<script>", "period=%00&x=1"])
def test_a_period_that_there_is_not_is_the_day(funnel, query):
    assert '<a href="?period=day" aria-current="page">' in funnel(query).text


def test_profiles_still_changing_are_counted_to_a_limit_and_not_where_it_is_off(
    funnel, destination, people, monkeypatch
):
    monkeypatch.setattr("destinations.admin.dashboard.funnel_stages.MOST_UNSETTLED", 2)
    Profile.objects.update_marks(first_changed_at=timezone.now())
    assert funnel().stages["Changed"][0] == "2+"
    Destination.objects.update(enabled=False)
    assert funnel().stages["Changed"][0] == "0"


def test_reasons_are_ranked_with_samples(funnel, sync, attempt, destination):
    sync("anna", "skipped", "profile@mail is missing")
    second = sync("ben", "skipped", "profile@consent is <b>false</b>")
    sync("cleo", "skipped", "profile@consent is <b>false</b>")
    attempt("anna")
    text = funnel().text
    skipped = text[text.index("Prerequisites not met") :]
    first = "profile@consent is &lt;b&gt;false&lt;/b&gt;"
    assert skipped.index(first) < skipped.index("profile@mail is missing")
    assert "66.7 %" in skipped
    assert (
        f'<a href="{reverse("admin:destinations_profilesync_change", args=[second.pk])}">ben</a>' in skipped
    )
    assert "All 3 were looked at." in skipped
    listing = reverse("admin:destinations_profilesync_changelist")
    assert f"{listing}?destination={destination.pk}&amp;state__exact=skipped" in skipped
    assert "status 503" in text[text.index("Attempts that failed") :]


def test_what_has_the_same_code_and_field_is_one_reason_whatever_the_words(funnel, sync, destination):
    coded = {"code": "invalid_field", "field": "mail"}
    sync("anna", "rejected", "anna@ is no address", **coded)
    sync("ben", "rejected", "ben@ is no address", **coded)
    sync("cleo", "rejected", "cleo@ is no address")
    first, second = reasons.as_of_now(destination)[1].rows
    assert (first.kind, first.count, [name for name, _ in first.samples]) == (
        "invalid_field: mail", 2, ["anna", "ben"],
    )  # fmt: skip
    assert (second.kind, second.text) == ("", "cleo@ is no address")
    listing = f"{reverse('admin:destinations_profilesync_changelist')}?destination={destination.pk}"
    assert first.url == f"{listing}&state__exact=rejected&code=invalid_field&field=mail"
    assert second.url == ""
    assert "<code>invalid_field: mail</code></a> anna@ is no address" in funnel().text


def test_ids_of_requests_make_no_other_reason(sync, destination):
    sync("anna", "rejected", "no field x, request aeb5f871-7f07-4993-9211-075dc63e7cbf")
    sync("ben", "rejected", "no field x, request 0f2c7c55-9b05-4c3e-b8b6-5d1d3f8f2a10")
    sync("cleo", "rejected", "no field y, request 7d0f0b13-52ab-4f05-8a8f-6f6d2d6f7c11")
    assert [one.count for one in reasons.as_of_now(destination)[1].rows] == [2, 1]


def test_the_rows_of_a_reason_are_listed_and_can_be_sent_again(sync, attempt, destination, admin_client):
    sync("anna", "rejected", "no", code="invalid_field", field="mail")
    sync("ben", "rejected", "no", code="invalid_field", field="name")
    [url] = {one.url for one in reasons.as_of_now(destination)[1].rows if one.kind.endswith("mail")}
    shown = admin_client.get(url).content.decode()
    assert "anna" in shown
    assert "ben" not in shown
    chosen = {"action": "replay", "select_across": "1", "_selected_action": "1"}
    asked = admin_client.post(url, chosen, follow=True).content.decode()
    assert "Replay: what would happen" in asked
    choice = selection.read_request({"state": "rejected", "code": "invalid_field", "field": "mail"})
    assert [row.profile_id for row in selection.syncs(choice)] == ["anna"]
    assert selection.read_request({"destination": destination.pk, "code": "invalid_field"}).of == "attempts"


def test_what_was_once_rejected_and_is_not_wanted_now_goes_by_its_words(sync, destination):
    sync("anna", "skipped", "no consent", code="invalid_field", field="mail")
    [reason] = reasons.as_of_now(destination)[0].rows
    assert (reason.kind, reason.text) == ("", "no consent")


def test_no_more_rows_are_read_than_is_said(sync, destination, monkeypatch):
    monkeypatch.setattr(ranking, "MOST_READ", 2)
    for name in ("anna", "ben", "cleo"):
        sync(name, "rejected", "status 422")
    rejected = reasons.as_of_now(destination)[1]
    assert (rejected.ranking.read, rejected.ranking.is_all, rejected.rows[0].count) == (2, False, 2)
    assert rejected.looked_at == "2 of them were looked at; there are more."


def test_rare_reasons_are_left_out_and_long_ones_cut(sync, destination, monkeypatch):
    monkeypatch.setattr(ranking, "MOST_REASONS", 1)
    sync("anna", "rejected", "x" * 5000)
    sync("ben", "rejected", "x" * 5001)
    sync("cleo", "rejected", " another\n one ")
    rejected = reasons.as_of_now(destination)[1]
    assert (len(rejected.rows), rejected.rows[0].count) == (1, 2)
    assert len(rejected.rows[0].text) == reasons.MOST_TEXT
    assert rejected.looked_at == "All 3 were looked at. 1 further reason is rarer."


def test_failed_attempts_are_those_of_the_period(attempt, destination):
    attempt("anna", reason="lately")
    attempt("ben", "accepted", "taken")
    attempt("cleo", "unknown", "long ago", timedelta(days=2))
    found = reasons.failed(destination, timezone.now() - timedelta(days=1))
    assert [one.text for one in found.rows] == ["lately"]
    plan = reasons.failed_attempts().filter(destination=destination, at__gte=timezone.now()).explain()
    assert "failed_by_destination" in plan or connection.vendor != "sqlite"


def test_its_links_lead_to_lists_that_open(funnel, sync, attempt, destination, admin_client):
    sync("anna", "skipped", "no")
    attempt("ben")
    attempt("anna", outcome="accepted")
    count(destination, skipped=1, refused=1, accepted=1, removed=1, retry=1, rejected=1, unknown=1)
    links = set(
        re.findall(r'href="(/admin/destinations/(?:profilesync|deliveryattempt)/[^"]+)"', funnel().text)
    )
    assert len(links) == 11  # three lists of syncs, five of attempts and one of all that failed; two samples
    for link in links:
        assert admin_client.get(link.replace("&amp;", "&")).status_code == 200, link
    for outcome in ("outcome__exact=retry", "outcome__exact=failed"):
        url = next(link for link in links if outcome in link).replace("&amp;", "&")
        assert "1 delivery attempt" in admin_client.get(url).content.decode()


def test_those_who_may_not_see_rows_see_counts_only(funnel, sync, attempt, allow, destination):
    sync("anna", "skipped", "a reason")
    attempt("ben", reason="an answer")
    count(destination, skipped=1, retry=1)
    text = funnel(client=allow("destinations.view_destination")).text
    assert "Not met" in text
    for hidden in ("a reason", "an answer", "anna", "/admin/destinations/profilesync/?"):
        assert hidden not in text


def test_those_who_may_not_look_at_destinations_are_refused(destination, allow):
    url = reverse("admin:destinations_destination_funnel", args=[destination.pk])
    assert allow("destinations.view_profilesync").get(url).status_code == 403


def test_a_destinations_page_shows_its_figures_and_leads_to_the_funnel(page, destination):
    count(destination, accepted=3, retry=1, lag_0=4)
    text = page("destinations_destination_change", destination.pk)
    assert text.count('<svg class="t-chart"') == 3
    assert "half within 0.25 s, 95 % within 0.25 s" in text
    assert reverse("admin:destinations_destination_funnel", args=[destination.pk]) in text


def test_there_is_no_funnel_of_what_is_not_there(admin_client, db):
    url = reverse("admin:destinations_destination_funnel", args=[4711])
    assert admin_client.get(url).status_code == 404


def test_what_the_destination_answers_later_is_counted_now(funnel, destination, people):
    assert "Answer awaited" not in funnel().stages
    for name in ("anna", "ben"):
        ProfileSync.objects.create(
            profile_id=name, destination=destination, due_at=timezone.now(), awaited_since=timezone.now()
        )
    assert funnel().stages["Answer awaited"] == ("2", "-")
