"""The delivery log: filtered, saying how far it looked, hiding bodies from those who may not see profiles."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations.insight import attempt_search
from destinations.insight.payloads.masking import masked
from destinations.models import ProfileSync

LOG = "destinations_deliveryattempt_changelist"
ONE = "destinations_deliveryattempt_change"


@pytest.fixture
def sync(profile, destination):
    return ProfileSync.objects.create(profile=profile, destination=destination, state="rejected", version=1)


def moment(**ago):
    return (timezone.now() - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%S")


def test_each_filter_finds_and_leaves_out(sync, page, make_attempt):
    coded = {"code": "invalid_field", "field": "mail"}
    make_attempt(sync, reason="status 422: mail is not an address", duration_ms=900, **coded)
    for query, listed in (
        ("operation=upsert", True),
        ("operation=remove", False),
        ("code=invalid_field&field=mail", True),
        ("code=duplicate", False),
        ("field=name", False),
        ("outcome__exact=rejected", True),
        ("outcome__exact=failed", True),
        ("outcome__exact=accepted", False),
        ("status=4", True),
        ("status=4xx", True),
        ("status=422", True),
        ("status=421", False),
        ("status=5xx", False),
        ("status=none", False),
        (f"destination={sync.destination_id}", True),
        (f"destination={sync.destination_id}&outcome__exact=rejected&status=422&error=MAIL", True),
        (f"destination={sync.destination_id}&outcome__exact=unknown", False),
        ("q=anna", True),
        ("q=an", True),
        ("q==an", False),
        ("q=bob", False),
        ("error=NOT AN", True),
        ("error=100%", False),
        ("took=900", True),
        ("took=901", False),
        (f"at__gte={moment(hours=1)}", True),
        (f"at__lt={moment(hours=1)}", False),
        (f"at__gte={moment(hours=2)}&at__lt={moment(hours=1)}", False),
    ):
        text = page(LOG, query=query.replace("==", "=%3D").replace("%&", "%25&"))
        assert ("mail is not an address" in text) == listed, query


def test_failures_are_grouped_by_code_and_field(sync, page, make_attempt):
    for _ in range(3):
        make_attempt(sync, reason="status 422: mail is not an address", code="invalid_field", field="mail")
    make_attempt(sync, reason="status 409: there is one", code="duplicate")
    make_attempt(sync, reason="no answer <b>", outcome="unknown")
    make_attempt(sync, reason="fine", outcome="accepted", code="never_shown")
    for query in ("", "outcome__exact=failed"):
        text = page(LOG, query=query)
        groups = text.partition("Why attempts failed")[2].partition("</ul>")[0]
        assert "invalid_field: mail</a> <strong>3</strong>" in groups
        assert "code=invalid_field&amp;field=mail" in groups
        assert "duplicate</a> <strong>1</strong>" in groups
        assert "no answer &lt;b&gt; <strong>1</strong>" in groups
        assert "never_shown" not in groups
    assert "Why attempts failed" not in page(LOG, query="outcome__exact=accepted")
    assert "Why attempts failed" not in page(LOG, query="q=bob")


def test_a_filter_that_it_does_not_have_is_not_ignored(admin_client, db):
    url = reverse(f"admin:{LOG}")
    for query in ("outcome__in=retry", "version=3", "anything=x"):
        assert admin_client.get(f"{url}?{query}").status_code in (302, 400)


def test_many_profiles_with_one_beginning_are_searched_through(sync, page, make_attempt, monkeypatch):
    monkeypatch.setattr(attempt_search, "FEW_PROFILES", 0)
    make_attempt(sync, reason="found")
    assert "found" in page(LOG, query="q=ann")
    assert "found" not in page(LOG, query="q=bob")


@pytest.mark.parametrize(
    "query",
    [
        "status=abc",
        "status=9",
        "took=-1",
        "took=1e9",
        "destination=999",
        "destination=x",
        "at__gte=yesterday",
        "outcome__exact=lost",
        "q=%00",
        "error=%00",
        "ids=1,x",
    ],
)
def test_what_is_not_understood_lists_nothing_and_is_said(sync, page, make_attempt, query):
    make_attempt(sync, reason="found")
    text = page(LOG, query=query)
    assert "found" not in text
    assert "errorlist" in text or query == "ids=1,x"


def test_active_filters_are_shown_and_can_be_cleared(sync, page):
    text = page(LOG, query=f"destination={sync.destination_id}&status=5xx&error=%3Cb%3E")
    assert "Destination: <strong>Business customers</strong>" in text
    assert "Text of the reason: <strong>&lt;b&gt;</strong>" in text
    assert f'href="?destination={sync.destination_id}&amp;error=%3Cb%3E" aria-label="Clear Status"' in text
    assert 'value="5xx"' in text


def test_filters_survive_paging(sync, page, make_attempt):
    for _ in range(101):
        make_attempt(sync)
    text = page(LOG, query="outcome__exact=rejected&status=4xx")
    assert "?outcome__exact=rejected&amp;p=2&amp;status=4xx" in text
    assert "101 delivery attempts" in page(LOG, query="outcome__exact=rejected&status=4xx&p=2")


def test_a_search_ends_and_says_where(sync, page, make_attempt, monkeypatch):
    monkeypatch.setattr(attempt_search, "REACH", 2)
    now = timezone.now()
    for minutes in range(4):
        make_attempt(sync, at=now - timedelta(minutes=minutes), reason=f"tried {minutes} minutes ago")
    text = page(LOG, query="error=minutes")
    assert "Looked through the newest 2 attempts" in text
    assert [f"tried {number}" in text for number in range(4)] == [True, True, False, False]
    earlier = attempt_search.AttemptFilters({"error": "tried 3"})
    assert earlier.is_valid()
    assert attempt_search.matching(earlier.cleaned_data).count() == 1  # “all that match” takes it along
    assert "Looked through" not in page(LOG, query="error=minutes&q=anna")
    assert "Looked through" not in page(LOG)


def test_a_list_costs_the_same_however_long_it_is(
    sync, make_attempt, admin_client, django_assert_max_num_queries
):
    for _ in range(30):
        make_attempt(sync)
    with django_assert_max_num_queries(10):
        admin_client.get("/admin/destinations/deliveryattempt/?error=x&status=4xx&outcome__exact=failed&q=a")


def test_one_shows_what_is_kept_and_the_other_tries(sync, page, make_attempt):
    kept = {"request": "POST https://x.example/\n\n{}", "response": "HTTP 422\n\n<b>no</b>"}
    first = make_attempt(sync, outcome="retry", status_code=503, at=timezone.now() - timedelta(minutes=1))
    second = make_attempt(sync, **kept)
    text = page(ONE, second.pk)
    assert "POST https://x.example/" in text
    assert "&lt;b&gt;no&lt;/b&gt;" in text
    assert "All tries of this push" in text
    assert f"/deliveryattempt/{first.pk}/change/" in text
    assert "/profile/anna/why/" in text
    assert "TRACSYNC_ATTEMPT_BODIES" in page(ONE, first.pk)


def test_values_are_for_those_who_may_see_profiles(sync, page, make_attempt, allow):
    request = 'POST https://x.example/anna@example.com\nX-Of: anna\n\n{"mail": "anna@example.com", "n": [7]}'
    made = make_attempt(sync, request=request, response="HTTP 422\nServer: anna\n\nanna is refused")
    text = page(ONE, made.pk, client=allow("destinations.view_deliveryattempt"))
    _before, _heading, wire = text.partition("What went over the wire")
    assert "anna" not in wire
    assert "POST https://x.example/********" in wire
    assert "X-Of: ********" in wire
    assert "&quot;mail&quot;: &quot;********&quot;" in wire
    assert "HTTP 422" in wire
    assert "Why?" not in text
    assert "anna@example.com" in page(ONE, made.pk, client=allow("profiles.view_profile"))


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("", "********"),
        ("exchange anna\ntype: anna\n\n[1, null]", "********\ntype: ********"),
        ("GET https://[anna", "********"),
        ("PUT http://u:p@x.example:1/a?b=c", "PUT http://x.example/********"),
        ('HTTP 200 anna\n\n{"a": {"b": "anna"', "HTTP 200\n\n********"),
    ],
)
def test_whatever_was_kept_is_masked(kept, expected):
    assert masked(kept).startswith(expected)
    assert "anna" not in masked(kept)


@pytest.mark.parametrize(
    ("query", "is_open"), [("", ""), ("outcome__exact=accepted", ""), ("code=x", " open")]
)
def test_filters_that_few_need_are_folded_unless_one_is_in_force(page, query, is_open):
    text = page("destinations_deliveryattempt_changelist", query=query)
    assert f'<details class="t-fold is-bare"{is_open}>' in text
    folded = text.partition("More filters")[2].partition("</details>")[0]
    assert 'name="code"' in folded
    assert 'name="destination"' not in folded


def test_the_log_is_titled_by_what_is_learned_there(page):
    assert "<h1>What was sent, and what came of it</h1>" in page("destinations_deliveryattempt_changelist")
