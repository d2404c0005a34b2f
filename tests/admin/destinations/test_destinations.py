"""Destinations in the admin: their form, what a save offers, trying them, and what can be done to them."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from destinations.connectors.base import ConnectorError
from destinations.insight import preview
from destinations.insight.preview import Trial
from destinations.models import Backfill, Destination, Health, ProfileSync, Resource
from profiles.models import Profile
from tracsync.models import TrailEntry

CHANGE = "destinations_destination_change"
TRIED = {"tracsync_profile": "anna"}
OFFER = "Bring all profiles up to date"


def new(resource, /, **fields):
    data = {
        "name": "New",
        "resource": str(resource.pk),
        "enabled": "on",
        "mapping": '{"id": "profile@id"}',
        "rate_period": "second",
        "on_leave": "keep",
        "on_delete": "keep",
        "settings.method": "POST",
        "settings.ssl_check": "on",
        "settings.timeout": "10",
        "settings.headers": "{}",
        "settings.cookies": "{}",
    }
    return {**data, **fields}


def test_its_resource_is_one_click_away_for_who_may_see_it(destination, page, allow):
    url, name = f"/admin/destinations/resource/{destination.resource_id}/change/", destination.resource
    link = f'<dt>Resource</dt><dd><a href="{url}">{name}</a></dd>'
    assert link in page(CHANGE, destination.pk)
    text = page(CHANGE, destination.pk, client=allow("destinations.view_destination"))
    assert f"<dt>Resource</dt><dd>{name}</dd>" in text
    assert link in page(CHANGE, destination.pk, client=allow("destinations.view_resource"))


def test_the_resource_is_chosen_first(resource, page):
    text = page("destinations_destination_add")
    assert f"?resource={resource.pk}" in text
    assert "settings.method" in page("destinations_destination_add", query=f"resource={resource.pk}")
    assert "?resource=" in page("destinations_destination_add", query="resource=nonsense")


def test_without_a_resource_the_page_leads_to_them(db, page):
    assert "Add a resource" in page("destinations_destination_add")


def test_adding_stores_what_differs_from_the_defaults_and_offers_a_backfill(resource, post):
    data = new(resource, **{"settings.method": "PUT", "tags": "crm", "quiet_period": "2.5"})
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    destination = Destination.objects.get()
    assert destination.settings == {"method": "PUT"}
    assert (destination.mapping, destination.tags, destination.quiet_period) == (
        {"id": "profile@id"},
        ["crm"],
        2.5,
    )
    assert OFFER in answer
    assert f"/{destination.pk}/backfill/" in answer


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("mapping", "{", "not JSON"),
        ("mapping", '{"a": NaN}', "NaN is not a JSON value"),
        ("mapping", "", "This field is required"),
        ("settings.timeout", "999", "must be at most 60"),
        ("settings.timeout", "soon", "Enter a number"),
        ("settings.method", "FETCH", "Select a valid choice"),
        ("settings.headers", "[]", "this must be an object, not a list"),
        ("settings.headers", '{"X": 1}', "headers.X must be text"),
        ("settings.path", "/c/{{profil@id}}", "path holds {{ or a reference"),
        ("settings.remove.path", "/c/../x", "cannot hold the parts . and .."),
        ("settings.answers", '[{"when": {"if": "answer@a ="}, "is": "retry"}]', "answers.0.when.if"),
        ("settings.batch.body", "[", "not JSON"),
        ("quiet_period", "-1", "greater than or equal to 0"),
        ("name", "", "This field is required"),
        ("resource", "9999", "Select a valid choice"),
    ],
)
def test_mistakes_are_said_under_their_field(field, value, said, resource, post):
    data = new(resource, **{field: value})
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    place = answer.index(f'id="id_{field}_error"')
    assert said in answer[place : answer.index("</ul>", place)]
    assert not Destination.objects.exists()


def test_what_contradicts_itself_is_said(resource, post):
    data = new(resource, **{"settings.headers": '{"Cookie": "a=1"}', "settings.cookies": '{"b": "2"}'})
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    assert "give either a Cookie header or cookies" in answer
    assert not Destination.objects.exists()


def test_templates_are_typed_as_text_or_as_json(resource, post, page):
    data = new(resource, **{"settings.remote_id": "answer@id", "settings.body": '{"a": "delivery@payload"}'})
    post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    destination = Destination.objects.get()
    assert destination.settings == {"remote_id": "answer@id", "body": {"a": "delivery@payload"}}
    assert ">\nanswer@id</textarea>" in page(CHANGE, destination.pk)


def test_the_place_of_a_mistake_in_a_condition_is_kept_and_escaped(resource, post):
    data = new(resource, prerequisites='profile@a == "<b>"\nAND AND')
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    place = answer.index('id="id_prerequisites_error"')
    error = answer[place : answer.index("</ul>", place)]
    assert "line 2" in error
    assert '<li tabindex="0">' in error
    assert "\n  AND AND\n      ^" in error
    assert "<b>" not in answer


def test_the_place_of_a_mistake_in_a_mapping_is_said(resource, post):
    data = new(resource, mapping=json.dumps({"a": {"b": "profile@"}}))
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    place = answer.index('id="id_mapping_error"')
    assert "$.a.b" in answer[place : answer.index("</ul>", place)]


def test_a_new_destination_is_saved_and_what_is_probably_not_meant_is_said(resource, post):
    data = new(resource, mapping='{"id": "Profile@id"}')
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    assert Destination.objects.exists()
    assert "Is this what you mean? Mapping, $.id: sources are written in lower case" in answer


def test_two_equal_keys_of_a_mapping_are_refused(resource, post):
    data = new(resource, mapping='{"a": 1,\n "a": 2}')
    answer = post("destinations_destination_add", query=f"resource={resource.pk}", **data)
    place = answer.index('id="id_mapping_error"')
    assert "two equal keys, the second at line 2, column 2" in answer[place : answer.index("</ul>", place)]
    assert not Destination.objects.exists()


def test_test_credentials_that_do_not_exist_are_said(resource, post):
    resource.test = {}
    resource.save()
    data = new(resource, use_test_credentials="on")
    assert "has no test credentials" in post(
        "destinations_destination_add", query=f"resource={resource.pk}", **data
    )


def test_nested_settings_become_fields(rabbitmq, page, post):
    broker = Resource.objects.create(name="Broker", type=rabbitmq, production={"uri": "amqp://broker/"})
    query = f"resource={broker.pk}"
    assert 'name="settings.queue.name"' in page("destinations_destination_add", query=query)
    data = {
        "name": "Queue",
        "resource": str(broker.pk),
        "mapping": "{}",
        "rate_period": "second",
        "on_leave": "keep",
        "on_delete": "keep",
        "settings.queue.queue_type": "topic",
        "settings.queue.durable": "on",
        "settings.queue.auto_declare": "on",
        "settings.queue.compression": "none",
        "settings.queue.serializer": "json",
    }
    data["mapping"] = '{"id": "profile@id"}'
    answer = post("destinations_destination_add", query=query, **data)
    place = answer.index('id="id_settings.queue.name_error"')
    assert "queue.name is required" in answer[place : answer.index("</ul>", place)]
    post("destinations_destination_add", query=query, **data, **{"settings.queue.name": "crm"})
    assert Destination.objects.get().settings == {"queue": {"name": "crm", "queue_type": "topic"}}


def test_opening_and_saving_changes_nothing_and_offers_nothing(destination, page, post, fields, secret):
    destination.settings = {**destination.settings, "timeout": 10.0, "method": "POST"}
    destination.save()
    text = page("destinations_destination_change", destination.pk)
    assert secret not in text
    answer = post("destinations_destination_change", destination.pk, **fields(text))
    assert OFFER not in answer
    before = json.dumps(destination.settings, sort_keys=True)
    destination.refresh_from_db()
    assert json.dumps(destination.settings, sort_keys=True) == before


def test_a_changed_setting_keeps_the_masked_ones(destination, page, post, fields, sealed, secret):
    form = fields(page("destinations_destination_change", destination.pk))
    asked = post("destinations_destination_change", destination.pk, **{**form, "settings.method": "PATCH"})
    answer = post("destinations_destination_change", destination.pk, **sealed(asked), _backfill="yes")
    destination.refresh_from_db()
    assert destination.settings == {
        "method": "PATCH",
        "cookies": {"session": secret},
        "headers": {"X-Authorization": secret},
    }
    assert Backfill.objects.get().destination == destination
    assert secret not in asked + answer


def test_a_new_name_or_quiet_period_offers_no_backfill(destination, page, post, fields):
    form = fields(page("destinations_destination_change", destination.pk))
    changed = {**form, "name": "Renamed", "quiet_period": "7"}
    assert OFFER not in post("destinations_destination_change", destination.pk, **changed)
    destination.refresh_from_db()
    assert (destination.name, destination.quiet_period) == ("Renamed", 7)


def test_a_backfill_is_asked_for_with_its_size_and_begun_by_a_post(destination, profile, page, post):
    assert "<strong>1</strong> profile" in page("destinations_destination_backfill", destination.pk)
    assert not Backfill.objects.exists()
    answer = post("destinations_destination_backfill", destination.pk)
    assert "a backfill of 1 profile was requested" in answer
    assert Backfill.objects.get().total == 1
    assert "0 of 1" in page("destinations_destination_backfill", destination.pk)


def test_a_backfill_is_for_those_who_may_change(destination, allow):
    from django.urls import reverse

    client = allow("destinations.view_destination")
    url = reverse("admin:destinations_destination_backfill", args=[destination.pk])
    assert client.get(url).status_code == 403
    assert client.post(url).status_code == 403


def test_pausing_and_resuming(destination, page, post):
    post("destinations_destination_pause", destination.pk)
    assert "paused since" in page("destinations_destination_change", destination.pk)
    assert ">Resume</button>" in page("destinations_destination_change", destination.pk)
    post("destinations_destination_resume", destination.pk)
    assert "</svg>Running</span></dd>" in page("destinations_destination_change", destination.pk)
    assert [one.action for one in TrailEntry.objects.all()] == ["resumed", "paused"]


@pytest.mark.parametrize(
    ("action", "holds"),
    [
        ("pause", lambda one: one.paused_at is not None),
        ("resume", lambda one: one.paused_at is None),
        ("disable", lambda one: not one.enabled and one.disabled_at),
        ("enable", lambda one: one.enabled),
        ("bring_up_to_date", lambda one: one.backfills.count() == 1),
    ],
)
def test_actions(action, holds, destination, profile, post):
    if action == "enable":
        destination.enabled = False
        destination.save()
    if action == "resume":
        Destination.objects.update(paused_at=timezone.now())
    chosen = {"action": action, "_selected_action": [str(destination.pk)], "confirmed": "yes"}
    post("destinations_destination_changelist", **chosen)
    destination.refresh_from_db()
    assert holds(destination)


def test_states_in_the_list(destination, resource, page):
    def state():
        text = page("destinations_destination_changelist")
        return strip_tags(text[text.index("field-state") :].partition(">")[2].partition("</td>")[0]).strip()

    assert state() == "Running"
    later = timezone.now() + timedelta(hours=1)
    Health.objects.update(held_until=later, hold_reason="status 503", problem="the mapping <fails>")
    mend = " To be mended the mapping &lt;fails&gt;"
    assert state().startswith("Resting held until")
    assert state().endswith(mend)
    Destination.objects.update(paused_at=timezone.now())
    assert state().startswith("Paused since")
    Resource.objects.update(enabled=False)
    assert state() == f"Off the resource Receiver is off{mend}"
    Destination.objects.update(enabled=False)
    assert state() == f"Off{mend}"


def test_one_that_falls_behind_says_so_in_the_list_and_on_its_page(destination, profile, page):
    late = timezone.now() - timedelta(minutes=3)
    ProfileSync.objects.create(profile=profile, destination=destination, state="pending", due_at=late)
    said = "behind: the oldest change is due since"
    in_list = said.replace("behind: ", "Behind ")

    def listed():
        return " ".join(strip_tags(page("destinations_destination_changelist")).split())

    assert in_list in listed()
    assert said in page("destinations_destination_change", destination.pk)
    ProfileSync.objects.update(bulk=True)
    assert in_list not in listed()


def test_the_page_says_what_a_person_has_to_mend(destination, page):
    Health.objects.update(problem="$.mail: <wrong>\nline 1, column 3:\n  x\n  ^", problem_at=timezone.now())
    text = page("destinations_destination_change", destination.pk)
    assert "A person has to mend this" in text
    assert "$.mail: &lt;wrong&gt;\nline 1, column 3:\n  x\n  ^" in text


def test_a_list_says_what_is_to_be_mended_in_place_of_that_it_runs(destination, page):
    def listed():
        return " ".join(strip_tags(page("destinations_destination_changelist")).split())

    assert "Running" in listed()
    Health.objects.update(problem="$.mail: wrong\nline 1", problem_at=timezone.now())
    assert "To be mended $.mail: wrong" in listed()
    assert "Running" not in listed()
    Destination.objects.update(enabled=False)
    assert "Off To be mended $.mail: wrong" in listed()


def test_a_preview_explains_and_sends_nothing(destination, profile, page, secret):
    text = page("destinations_destination_preview", destination.pk, query="profile=anna")
    assert "anna@example.com" in text
    assert "EXISTS" in text
    assert ">true<" in text
    assert secret not in text
    assert not ProfileSync.objects.exists()
    Profile(document={"id": "nobody"}).save()
    text = page("destinations_destination_preview", destination.pk, query="profile=nobody")
    assert "profile@data.contact.email.business is missing" in text


def test_a_preview_of_a_profile_that_is_not_there(destination, page):
    text = page("destinations_destination_preview", destination.pk, query="profile=<none>")
    assert "There is no profile with the ID “&lt;none&gt;”" in text


def test_a_preview_needs_the_right_to_see_profiles(destination, profile, allow):
    from django.urls import reverse

    client = allow("destinations.view_destination")
    url = reverse("admin:destinations_destination_preview", args=[destination.pk])
    assert client.get(url, {"profile": "anna"}).status_code == 403


def test_a_test_is_sent_and_said(destination, profile, post, monkeypatch):
    trial = Trial(True, "accepted", "status 200", 200, "POST /<hook>", "ok", 0.5)
    monkeypatch.setattr(preview, "send_test", lambda *args: trial)
    answer = post("destinations_destination_test", destination.pk, profile="anna")
    assert "The test was sent" in answer
    assert "POST /&lt;hook&gt;" in answer


def test_a_test_that_cannot_be_sent_says_why(destination, profile, post, monkeypatch):
    def fail(*args):
        raise ConnectorError("no way <there>")

    monkeypatch.setattr(preview, "send_test", fail)
    answer = post("destinations_destination_test", destination.pk, profile="anna")
    assert "The test was not sent" in answer
    assert "no way &lt;there&gt;" in answer
    assert "There is no profile" in post("destinations_destination_test", destination.pk, profile="nobody")


def test_deleting_asks_with_counts(destination, profile, page, post):
    ProfileSync.objects.create(profile=profile, destination=destination)
    assert "what it knows of 1 profile" in page("destinations_destination_delete", destination.pk)
    post("destinations_destination_delete", destination.pk, post="yes")
    assert not Destination.objects.exists()


def test_filters(destination, page):
    destination.tags = ["crm"]
    destination.save()
    for query, listed in (
        ("tag=crm", True),
        ("tag=x", False),
        (f"resource={destination.resource_id}", True),
        ("resource=0", False),
        ("enabled__exact=0", False),
        ("q=business", True),
        ("q=receiver", True),
        ("q=nothing", False),
    ):
        text = page("destinations_destination_changelist", query=query)
        assert ("Business customers</a>" in text) == listed, query


SENDER = (
    "destinations.change_destination",
    "destinations.change_profilesync",
    "destinations.view_profilesync",
    "profiles.view_profile",
)


def test_sending_to_production_without_javascript_asks_first(destination, profile, page, post):
    text = page("destinations_destination_preview", destination.pk, query="profile=anna")
    assert "Send to production…" in text
    asked = post("destinations_destination_send", destination.pk, profile="anna")
    assert "Profile anna is sent to Business customers by the engine" in asked
    assert not ProfileSync.objects.exists()
    answer = post("destinations_destination_send", destination.pk, profile="anna", confirmed="yes")
    assert "Handed to the engine" in answer
    sync = ProfileSync.objects.get()
    assert sync.resend
    assert sync.asked
    assert sync.due_at is not None


def test_what_uses_test_credentials_is_not_called_production(destination, profile, page):
    Destination.objects.update(use_test_credentials=True)
    text = page("destinations_destination_preview", destination.pk, query="profile=anna")
    assert "Send as this destination does…" in text
    assert "Send to production…" not in text


def test_nothing_is_sent_where_it_is_paused_or_there_is_no_profile(destination, profile, post):
    answer = post("destinations_destination_send", destination.pk, profile="nobody", confirmed="yes")
    assert "There is no profile" in answer
    post("destinations_destination_pause", destination.pk)
    answer = post("destinations_destination_send", destination.pk, profile="anna", confirmed="yes")
    assert "Nothing was sent: the destination is paused" in answer
    assert not ProfileSync.objects.exists()


def test_who_may_send_to_production(destination, profile, allow):
    from django.urls import reverse

    url = reverse("admin:destinations_destination_send", args=[destination.pk])
    client = allow(*SENDER[:-1])
    assert client.post(url, {"profile": "anna", "confirmed": "yes"}).status_code == 403
    assert allow(SENDER[-1]).post(url, {"profile": "anna", "confirmed": "yes"}).status_code == 302


def test_secrets_that_are_not_typed_again_go_to_no_other_resource(
    destination, resource, page, post, fields, sealed, secret, profile
):
    other = Resource.objects.create(
        name="Other", type=resource.type, production={"url": "https://o.example/"}
    )
    other.test = other.production
    other.save()
    form = fields(page(CHANGE, destination.pk)) | {"resource": str(other.pk)}
    refused = "Another resource leads to another place: enter headers, cookies again."
    assert refused in post(CHANGE, destination.pk, **form)
    tried = post("destinations_destination_live_test", query=f"destination={destination.pk}", **form, **TRIED)
    assert "The form has mistakes" in tried
    form |= {
        "settings.cookies": json.dumps({"session": secret}),
        "settings.headers": json.dumps({"X-Authorization": secret}),
    }
    post(CHANGE, destination.pk, **sealed(post(CHANGE, destination.pk, **form)))
    destination.refresh_from_db()
    assert destination.resource == other


def test_nor_where_certificates_are_not_verified(destination, page, post, fields):
    form = fields(page(CHANGE, destination.pk))
    del form["settings.ssl_check"]
    answer = post(CHANGE, destination.pk, **form)
    assert "This changes who can read what is sent: enter headers, cookies again." in answer
    destination.refresh_from_db()
    assert "ssl_check" not in destination.settings
