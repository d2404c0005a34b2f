"""Before a change of what is sent is saved: a page that says what it would do."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from destinations import configuration
from destinations.connectors.http.connector import HttpApi
from destinations.models import Backfill, DeliveryAttempt, Destination, Extension, ProfileSync, Resource
from profiles.models import Profile

NAME = "destinations_destination_change"
NEW = "profile@stats.visits > 1"


@pytest.fixture
def crm(resource):
    """Sends everybody with an address; p1, p2 and p4 have one, p2 to p4 have visits enough for NEW."""
    for number in range(1, 5):
        document = {"id": f"p{number}", "stats": {"visits": number}}
        if number != 3:
            document["mail"] = f"p{number}@x.example"
        Profile(document=document).save()
    return Destination.objects.create(
        name="CRM",
        resource=resource,
        prerequisites="profile@mail EXISTS",
        mapping={"id": "profile@id", "mail": "profile@mail"},
    )


@pytest.fixture
def accepted(crm):
    """What it accepted: p1 before p2."""
    for minutes, id in ((2, "p1"), (1, "p2")):
        DeliveryAttempt.objects.create(
            profile_id=id,
            destination=crm,
            idempotency_key=id,
            version=1,
            at=timezone.now() - timedelta(minutes=minutes),
            duration_ms=100,
            outcome="accepted",
        )


@pytest.fixture
def form(crm, page, fields):
    return fields(page(NAME, crm.pk))


@pytest.fixture
def change(crm, post, form):
    """Save the form with other values: change(name="X")."""

    def send(**values):
        return post(NAME, crm.pk, **{**form, **values})

    return send


def counts(text):
    table = text[text.index("tracsync-counts") :].partition("</table>")[0]
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', table)
    return dict(rows)


def test_it_says_what_is_probably_not_meant(crm, change):
    answer = change(mapping='{"id": "Profile@id"}')
    assert "Before you save" in answer
    assert "Mapping, $.id: sources are written in lower case, so this is text (write profile@)" in answer


def test_it_counts_before_anything_is_saved(crm, change):
    answer = change(prerequisites=NEW)
    assert "Before you save" in answer
    assert counts(answer) == {
        "Meet the prerequisites as they are saved": "3",
        "Meet the prerequisites as you typed them": "3",
        "Start to meet them": "1",
        "Stop meeting them": "1",
        "Pushes that a backfill makes": "3",
    }
    assert "all 4 profiles were looked at" in answer
    assert "Prerequisites changed." in answer
    assert "<del>- profile@mail EXISTS</del>" in answer
    assert "<ins>+ profile@stats.visits &gt; 1</ins>" in answer
    crm.refresh_from_db()
    assert crm.prerequisites == "profile@mail EXISTS"


KEPT = {"key": "k", "version": 1, "payload": {}, "payload_hash": "", "document": {}, "moment": None}


@pytest.mark.parametrize("unanswered", [None, [KEPT]])
def test_how_many_would_be_removed_now_is_said(crm, change, monkeypatch, unanswered):
    both = ("upsert", "remove")
    monkeypatch.setattr(HttpApi, "operations_with", lambda _self, _settings: both, raising=False)
    for number in (1, 2, 3):  # of these p1 stops to meet it, p3 never did and may be there
        ProfileSync.objects.create(
            profile_id=f"p{number}", destination=crm, synced_version=None if number == 3 else 1,
            in_doubt=number == 3, unanswered=unanswered,
        )  # fmt: skip
    answer = change(prerequisites="profile@mail EXISTS AND profile@stats.visits > 1", on_leave="remove")
    assert counts(answer)["Are there, do not meet them, and are taken away by a backfill"] == "2"
    assert "When it leaves: from “keep” to “remove”." in answer
    assert "are taken away in the other system with their next change" in answer
    assert "Are there" not in change(prerequisites=NEW, on_leave="keep")


def test_what_cannot_be_judged_is_said(change):
    assert counts(change(prerequisites="profile@mail > 1"))["Cannot be judged by the prerequisites"] == "3"


def test_payloads_of_the_profiles_accepted_last_are_compared(accepted, change):
    answer = change(mapping='{"id": "profile@id", "post": "profile@mail", "n": "profile@stats.visits"}')
    assert "the last 2 profiles accepted" in answer
    assert answer.index("<strong>p2</strong> changes") < answer.index("<strong>p1</strong> changes")
    assert "<strong>p3" not in answer
    assert "<ins>+   &quot;n&quot;: 1,</ins>" in answer
    assert "<del>-   &quot;mail&quot;: &quot;p1@x.example&quot;</del>" in answer
    row = answer[answer.index("<code>mail</code>") :].partition("</tr>")[0]
    assert re.findall(r"<td[^>]*>(.*?)</td>", row) == ["-", "2 of 2", "-"]


def test_a_mapping_that_fails_and_a_profile_that_is_no_longer_wanted_are_said(accepted, change):
    answer = change(prerequisites=NEW, mapping='{"n": {"$map": "profile@mail", "to": "item@x"}}')
    assert "<strong>p1</strong> is not sent any more" in answer
    assert "profile@stats.visits is 1, needs &gt; 1" in answer
    assert "<strong>p2</strong> cannot be sent any more" in answer
    assert "With your change it fails" in answer


def test_saving_only(crm, change, post, sealed):
    answer = post(NAME, crm.pk, **sealed(change(prerequisites=NEW)), _save_only="yes")
    assert "is saved" in answer
    crm.refresh_from_db()
    assert crm.prerequisites == NEW
    assert not Backfill.objects.exists()


def test_saving_with_a_backfill(crm, change, post, sealed):
    answer = post(NAME, crm.pk, **sealed(change(prerequisites=NEW, _continue="x")), _backfill="yes")
    assert "a backfill of 4 profiles was requested" in answer
    assert 'name="prerequisites"' in answer  # the button that was pressed at first still counts
    assert Backfill.objects.get().destination == crm


def test_back_to_the_form_with_everything_that_was_typed(crm, change, post, sealed, fields):
    asked = change(
        prerequisites=NEW, name="Other", **{"settings.headers": '{"X-Authorization": "typed-key"}'}
    )
    answer = post(NAME, crm.pk, **sealed(asked), _back="yes")
    form = fields(answer)
    assert (form["prerequisites"], form["name"]) == (NEW, "Other")
    assert json.loads(form["settings.headers"]) == {"X-Authorization": "typed-key"}
    assert "errornote" not in answer
    crm.refresh_from_db()
    assert crm.name == "CRM"


def test_secrets_that_were_typed_are_not_in_the_page(change, crm, post, sealed):
    asked = change(**{"settings.headers": '{"X-Authorization": "typed-key"}'})
    assert "typed-key" not in asked
    assert "Setting headers" in asked
    post(NAME, crm.pk, **sealed(asked), _save_only="yes")
    crm.refresh_from_db()
    assert crm.settings["headers"] == {"X-Authorization": "typed-key"}


def test_another_name_or_timing_is_saved_at_once(crm, change):
    assert "is saved" in change(name="Other", quiet_period="7", tags="a", rate_limit="5")
    crm.refresh_from_db()
    assert (crm.name, crm.quiet_period, crm.rate_limit) == ("Other", 7, 5)


def test_mistakes_come_before_the_question(change):
    answer = change(prerequisites="profile@ >")
    assert "Before you save" not in answer
    assert "line 1, column 9" in answer


def test_what_somebody_else_changed_meanwhile_is_asked_again(crm, change, post, sealed):
    asked = change(prerequisites=NEW)
    crm.mapping = {"other": "profile@id"}
    configuration.save(crm)
    answer = post(NAME, crm.pk, **sealed(asked), _save_only="yes")
    assert "What was changed meanwhile" in answer
    assert "Mapping changed." in answer
    crm.refresh_from_db()
    assert crm.prerequisites == "profile@mail EXISTS"
    asked = post(NAME, crm.pk, **sealed(answer), _over="yes")
    assert "Before you save" in asked
    post(NAME, crm.pk, **sealed(asked), _save_only="yes")
    crm.refresh_from_db()
    assert crm.prerequisites == NEW


def test_what_is_an_hour_old_is_asked_again(crm, change, post, sealed, frozen):
    asked = change(prerequisites=NEW)
    frozen.forward(3601)
    assert "Some time has passed" in post(NAME, crm.pk, **sealed(asked), _save_only="yes")
    crm.refresh_from_db()
    assert crm.prerequisites == "profile@mail EXISTS"


def test_what_is_sealed_is_for_one_user_and_one_object(crm, change, sealed, allow, post):
    other = Destination.objects.create(name="Other", resource=crm.resource, mapping={"id": "profile@id"})
    asked = sealed(change(prerequisites=NEW))
    client = allow("destinations.change_destination", "destinations.view_destination")
    client.post(reverse(f"admin:{NAME}", args=[crm.pk]), {**asked, "_save_only": "yes"})
    assert "could not be read again" in post(NAME, other.pk, **asked, _save_only="yes")
    assert "could not be read again" in post(NAME, crm.pk, tracsync_sealed="forged", _save_only="yes")
    assert not Destination.objects.filter(prerequisites=NEW).exists()


def test_without_the_right_to_see_profiles_there_are_counts_only(crm, accepted, form, allow):
    client = allow("destinations.change_destination", "destinations.view_destination")
    answer = client.post(
        reverse(f"admin:{NAME}", args=[crm.pk]), {**form, "mapping": '{"id": "profile@mail"}'}
    )
    text = answer.content.decode()
    assert "Changes: <strong>2</strong>" in text
    assert "<code>mail</code>" in text
    assert "x.example" not in text
    assert "<strong>p" not in text


def test_who_may_not_change_it_gets_no_review(crm, form, allow):
    client = allow("destinations.view_destination")
    url = reverse(f"admin:{NAME}", args=[crm.pk])
    assert client.post(url, {**form, "prerequisites": NEW}).status_code == 403


def test_how_long_a_backfill_takes(crm, accepted, change, page):
    answer = change(prerequisites=NEW, rate_limit="1", rate_period="minute")
    assert "That takes at least 2 min, at its limit of 1 a minute." in answer
    text = page("destinations_destination_backfill", crm.pk)
    assert "Pushes that a backfill makes" in text
    assert "with 8 calls at once, each taking 100 ms as they did lately" in text


def test_a_backfill_is_asked_for_also_where_nobody_can_tell_what_it_does(crm, page):
    Extension.objects.create(slug="gone", name="Gone", installed_at=timezone.now())
    Resource.objects.update(type="gone")
    text = page("destinations_destination_backfill", crm.pk)
    assert "Start the backfill" in text
    assert "Pushes that" not in text


def test_a_backfill_that_is_on_its_way_is_said(crm, change):
    Backfill.objects.create(destination=crm)
    assert "is still on its way" in change(prerequisites=NEW)
