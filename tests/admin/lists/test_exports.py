"""What is filtered as a file: whole, harmless, for those who may see the list, and never all in memory."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from destinations.models import DeliveryAttempt, ProfileSync
from profiles.models import Profile
from tracsync.admin.lists import exports

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def download(admin_client):
    """The rows of a file, as dicts by its headings."""

    def get(app, model, query="", client=admin_client, separator=",", **headers):
        url = reverse("admin:export", args=[app, model])
        response = client.get(f"{url}?{query}", **headers)
        assert response.status_code == 200, response
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text), delimiter=separator))

    return get


@pytest.fixture
def attempts(destination):
    for id, name in (("c1", "Anna Müller"), ("c2", "=1+1")):
        profile = Profile(document={"id": id, "name": name, "email": f"{id}@mail.example"})
        profile.save()
        given = {"profile": profile, "destination": destination, "reason": "@said <b>so</b>"}
        outcome = "accepted" if id == "c1" else "rejected"
        DeliveryAttempt.objects.create(
            version=1, at=AT, duration_ms=12, outcome=outcome, status_code=200, idempotency_key=id, **given
        )


def test_the_delivery_log_says_all_that_is_known(download, attempts):
    [row] = download("destinations", "deliveryattempt", "q=c1")
    assert row["At"] == "2026-03-04T05:06:07+00:00"
    assert (row["Profile"], row["Destination"], row["Outcome"]) == ("c1", "Business customers", "Accepted")
    assert "Anna Müller" in row.values()
    assert "c1@mail.example" in row.values()
    assert row["Reason"] == "'@said <b>so</b>"
    assert (row["Status code"], row["Version"]) == ("200", "1")


def test_filters_and_searches_count(download, attempts):
    assert [
        row["Profile"] for row in download("destinations", "deliveryattempt", "outcome__exact=failed")
    ] == ["c2"]
    assert download("destinations", "deliveryattempt", "q=nobody") == []
    assert [row["ID"] for row in download("profiles", "profile", "q=anna")] == ["c1"]


def test_who_may_not_know_names_gets_none(download, attempts, allow):
    looking = allow("destinations.view_deliveryattempt")
    rows = download("destinations", "deliveryattempt", client=looking)
    assert {row["Profile"] for row in rows} == {"c1", "c2"}
    assert "Anna Müller" not in str(rows)
    assert "mail.example" not in str(rows)


def test_who_may_not_see_the_list_gets_no_file(allow, attempts):
    client = allow("destinations.view_destination")
    assert client.get(reverse("admin:export", args=["profiles", "profile"])).status_code == 403
    assert client.get(reverse("admin:export", args=["auth", "user"])).status_code == 403
    assert client.get(reverse("admin:export", args=["auth", "nothing"])).status_code == 404


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
def test_what_a_spreadsheet_would_run_is_text(begin):
    assert exports.plain(f"{begin}1+1") == f"'{begin}1+1"


@pytest.mark.parametrize(
    ("value", "cell"), [(-3, -3), (1.5, 1.5), (None, ""), ("-", ""), (True, "1"), ("a=b", "a=b")]
)
def test_numbers_stay_numbers_and_nothing_is_blank(value, cell):
    assert exports.plain(value) == cell


def test_names_that_are_formulas_are_harmless(download, attempts):
    [row] = download("profiles", "profile", "q=c2")
    assert row["Name"] == "'=1+1"


def test_other_separators_make_no_cells(admin_client, profile):
    """A spreadsheet that separates at semicolons, as German ones do, is shown one with commas."""
    profile.document = {"id": profile.pk, "name": "a;=1+1"}
    profile.save()
    response = admin_client.get(reverse("admin:export", args=["profiles", "profile"]))
    assert '"a;=1+1"' in b"".join(response.streaming_content).decode()


def test_a_german_reader_gets_what_a_german_spreadsheet_opens(download, attempts):
    rows = download("profiles", "profile", separator=";", HTTP_ACCEPT_LANGUAGE="de")
    assert {row["ID"] for row in rows} == {"c1", "c2"}


def test_every_list_has_one_that_shows_no_secret(download, destination, profile, secret):
    ProfileSync.objects.create(profile=profile, destination=destination, due_at=timezone.now())
    for app, model in (
        ("destinations", "destination"),
        ("destinations", "resource"),
        ("destinations", "profilesync"),
        ("destinations", "extension"),
        ("auth", "user"),
        ("auth", "group"),
    ):
        rows = download(app, model)
        assert rows
        assert secret not in str(rows)
        assert "<" not in str(rows)


def test_it_costs_as_many_statements_however_many_rows(download, attempts, monkeypatch):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            rows = download("destinations", "deliveryattempt")
        return len(captured), len(rows)

    monkeypatch.setattr(exports, "BATCH", 3)
    queries()
    few, _ = queries()
    one = DeliveryAttempt.objects.first()
    for number in range(20):
        one.pk, one.idempotency_key = None, str(number)
        one.save(force_insert=True)
    assert queries() == (few, 22)


def test_a_filter_that_is_not_understood_leads_to_the_list(admin_client, attempts):
    url = reverse("admin:export", args=["profiles", "profile"])
    answer = admin_client.get(f"{url}?changed_at_from=nonsense")
    assert answer.url == reverse("admin:profiles_profile_changelist")
