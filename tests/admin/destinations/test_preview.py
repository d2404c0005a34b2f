"""The preview beside a destination's form, and sending one profile for real from there."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from destinations.connectors.base import Accepted, Exchange, Rejected
from destinations.insight import path_suggestions
from destinations.models import DeliveryAttempt, Destination, Health, ProfileSync, Resource
from destinations.scheduler import loop
from profiles.models import Profile
from tracsync.models import TrailEntry

LIVE = "admin:destinations_destination_live_{}"
LOOKER = ("destinations.view_destination", "profiles.view_profile")
EDITOR = (*LOOKER, "destinations.change_destination")


def url(name, destination=None, resource=None):
    query = f"destination={destination.pk}" if destination else f"resource={resource.pk}"
    return f"{reverse(LIVE.format(name))}?{query}"


@pytest.fixture
def destination(destination, secret):
    """With settings that go with the resource's credentials."""
    destination.settings = {"cookies": {"session": secret}}
    destination.save()
    return destination


@pytest.fixture
def form(page, fields, destination):
    """The destination's form as it stands."""
    return fields(page("destinations_destination_change", destination.pk))


@pytest.fixture
def live(admin_client, destination, form):
    """Post the form, with changes, for a profile."""

    def ask(profile="anna", name="preview", client=admin_client, **changes):
        data = {**form, "tracsync_profile": profile, **changes}
        return client.post(url(name, destination), data).content.decode()

    return ask


def test_nothing_is_chosen_at_first(live):
    assert "Choose a profile" in live("")


def test_what_is_probably_not_meant_is_said(live, profile):
    path_suggestions.forget()
    text = live(
        mapping='{"id": "profile@id", "a": "profile@data.contcat <b>"}', prerequisites="event@x NOT EXISTS"
    )
    assert "Is this what you mean?" in text
    assert "Mapping, $.a: none of the profiles looked at (1) has this path" in text
    assert "Prerequisites, line 1, column 1: a push has no event@" in text
    assert "<b>" not in text
    assert "Is this what you mean?" not in live(mapping='{"id": "profile@id"}')


def test_the_answer_part_by_part_with_payload_origins_and_request(live, profile, secret):
    text = live()
    assert 'data-profile="anna"' in text
    assert "Would be sent" in text
    assert "anna@example.com" in text
    assert "<code>profile@data.contact.email.business</code>" in text
    assert "POST https://receiver.example.com" in text
    assert "not accepted this profile yet" in text
    assert secret not in text
    assert not ProfileSync.objects.exists()


def test_the_form_as_it_stands_counts_and_is_not_saved(live, profile, destination):
    text = live(
        prerequisites="profile@stats.visits > 3 OR profile@id == 'bob'",
        mapping='{"who": "profile@id", "nick?": "profile@nick"}',
        **{"settings.method": "PUT"},
    )
    assert "Would not be sent" in text
    assert "any of these" in text
    assert "profile@stats.visits is missing" in text
    assert "<code>who</code>" in text
    assert "left out" in text
    assert "PUT https://receiver.example.com" in text
    destination.refresh_from_db()
    assert destination.prerequisites == "profile@data.contact.email.business EXISTS"


def test_mistakes_hide_what_they_spoil_and_nothing_else(live, profile):
    text = live(prerequisites="profile@ >")
    assert "The prerequisites have a mistake" in text
    assert "anna@example.com" in text
    text = live(mapping="{")
    assert "The mapping has a mistake" in text
    assert "part by part" in text
    assert "The payload" not in text
    assert "must be at most 60" in live(**{"settings.timeout": "600"})


def test_hostile_texts_are_escaped(live, db):
    Profile(
        document={"id": "<b>x", "data": {"contact": {"email": {"business": "<script>1</script>"}}}}
    ).save()
    text = live("<b>x", mapping='{"<i>k": "profile@data.contact.email.business"}')
    assert "&lt;script&gt;" in text
    assert not [tag for tag in ("<script", "<b>", "<i>") if tag in text]
    assert "&lt;none&gt;" in live("<none>")
    assert "There is no profile" in live("\0")


def test_one_at_random_that_matches_or_does_not(live, profile):
    Profile(document={"id": "bob"}).save()
    assert 'data-profile="anna"' in live("", tracsync_pick="matching")
    assert 'data-profile="bob"' in live("", tracsync_pick="failing")
    nobody = live("", tracsync_pick="matching", prerequisites="profile@no EXISTS")
    assert "None of the 2 profiles there are meets these prerequisites." in nobody
    assert "mend them first" in live("", tracsync_pick="matching", prerequisites="profile@")


def test_large_documents_are_cut(live, db):
    Profile(document={"id": "big", "list": ["x" * 300] * 900}).save()
    mapping = json.dumps({"all": {"$map": "profile@list", "to": "item@..."}})
    text = live("big", mapping=mapping, prerequisites="")
    assert "and 700 more values" in text
    assert len(text) < 200_000


def test_while_adding_there_is_a_preview_too(resource, profile, page, fields, admin_client):
    form = fields(page("destinations_destination_add", query=f"resource={resource.pk}"))
    data = {**form, "tracsync_profile": "anna", "mapping": '{"me": "profile@id"}'}
    text = admin_client.post(url("preview", resource=resource), data).content.decode()
    assert "Would be sent" in text
    assert "There are no prerequisites" in text
    assert "Compared with" not in text
    assert not Destination.objects.exists()


def test_profiles_are_suggested_by_the_beginning_of_their_ids(profile, admin_client):
    for number in range(30):
        Profile(document={"id": f"b{number:02}"}).save()
    found = admin_client.get(reverse(LIVE.format("profiles")), {"q": "b"}).json()["ids"]
    assert found == [f"b{number:02}" for number in range(20)]
    assert admin_client.get(reverse(LIVE.format("profiles")), {"q": "an"}).json()["ids"] == ["anna"]
    assert admin_client.get(reverse(LIVE.format("profiles")), {"q": "\0zz"}).json()["ids"] == []


@pytest.mark.parametrize("name", ["preview", "test", "production"])
def test_only_a_post_with_the_csrf_token_is_answered(name, destination, admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(url(name, destination)).status_code == 403
    assert strict.get(url(name, destination)).status_code == 405


def test_a_preview_is_for_those_who_see_destinations_and_profiles(destination, profile, allow, client):
    data = {"tracsync_profile": "anna"}
    assert client.post(url("preview", destination), data).status_code == 302
    assert allow("destinations.view_destination").post(url("preview", destination), data).status_code == 403
    looker = allow(*LOOKER)
    answer = looker.post(url("preview", destination), {**data, "mapping": '{"hack": "profile@id"}'})
    assert "anna@example.com" in answer.content.decode()
    assert "hack" not in answer.content.decode()
    assert looker.post(url("preview", resource=destination.resource), data).status_code == 403
    for name in ("test", "production"):
        assert looker.post(url(name, destination), data).status_code == 403
    assert not TrailEntry.objects.exists()


@pytest.mark.parametrize(
    "query",
    ["", "?destination=0", "?destination=x", "?resource=x", "?resource=999", "?destination=" + "9" * 30],
)
def test_what_is_not_there_is_not_found(query, admin_client, profile):
    answer = admin_client.post(reverse(LIVE.format("preview")) + query, {"tracsync_profile": "anna"})
    assert answer.status_code == 404


def test_a_form_that_is_too_large_is_refused(destination, profile, admin_client):
    data = {"tracsync_profile": "anna", "mapping": "x" * 3_100_000}
    assert admin_client.post(url("preview", destination), data).status_code == 400


def test_those_who_may_not_see_profiles_have_no_preview(destination, page, allow):
    client = allow("destinations.change_destination", "destinations.view_destination")
    text = page("destinations_destination_change", destination.pk, client=client)
    assert "Live preview" not in text
    assert "tracsync-notation" in text


@pytest.fixture
def memory(recording, destination):
    """The destination at a system that remembers what it is sent."""
    from django.utils import timezone

    from destinations.models import Extension

    Extension.objects.create(slug="recording", name="Recording", installed_at=timezone.now())
    Resource.objects.update(type="recording", production={"token": "live"}, test={"token": "trial"})
    Destination.objects.update(settings={})
    destination.refresh_from_db()
    return recording


def test_a_test_is_sent_as_the_form_has_it(memory, live, profile):
    memory.script(Accepted(detail="thanks", exchange=Exchange("POST /<hook>", "fine", 201)))
    text = live(name="test", mapping='{"unsaved": "profile@id"}')
    assert "Sent with the test credentials" in text
    assert "status 201" in text
    assert "POST /&lt;hook&gt;" in text
    assert "fine" in text
    assert [delivery.payload for delivery in memory.deliveries] == [{"unsaved": "anna"}]
    assert memory.opened[-1][0] == {"token": "trial"}
    assert not DeliveryAttempt.objects.exists()
    assert TrailEntry.objects.get().action == "tested"


def test_a_test_needs_no_name_yet(memory, resource, profile, page, fields, admin_client):
    form = fields(page("destinations_destination_add", query=f"resource={resource.pk}"))
    data = {**form, "tracsync_profile": "anna", "prerequisites": "profile@ >"}
    text = admin_client.post(url("test", resource=resource), data).content.decode()
    assert "Sent with the test credentials" in text
    assert TrailEntry.objects.get().object_id == ""


def test_a_test_that_cannot_be_sent_says_why(memory, live, profile):
    assert "mend them first (mapping)" in live(name="test", mapping="{")
    memory.script(RuntimeError("secret detail"))
    text = live(name="test")
    assert "failed with RuntimeError" in text
    assert "secret detail" not in text
    Resource.objects.update(test={})
    assert "has no test credentials" in live(name="test")


def test_a_destination_that_is_not_saved_is_tried_with_its_production_credentials(
    memory, resource, profile, page, fields, admin_client
):
    form = fields(page("destinations_destination_add", query=f"resource={resource.pk}"))
    data = {**form, "tracsync_profile": "anna", "mapping": '{"unsaved": "profile@id"}'}
    text = admin_client.post(f"{url('test', resource=resource)}&use=production", data).content.decode()
    assert "Sent with the production credentials" in text
    assert memory.opened[-1][0] == {"token": "live"}
    assert not DeliveryAttempt.objects.exists()


def test_one_that_is_saved_is_sent_to_production_by_the_engine_alone(
    memory, destination, profile, admin_client
):
    answer = admin_client.post(f"{url('test', destination=destination)}&use=production", {})
    assert answer.status_code == 403
    assert memory.deliveries == []


def followed(admin_client, text):
    """What the page shows at its next look."""
    poll = text.partition('data-poll="')[2].partition('"')[0].replace("&amp;", "&")
    return admin_client.get(poll).content.decode()


def test_production_is_sent_by_the_engine_and_followed(memory, live, profile, admin_client):
    loop.tick()
    text = live(name="production")
    assert "Handed to the engine" in text
    assert "No worker shows itself" in text
    assert memory.deliveries == []
    assert "Handed to the engine" in followed(admin_client, text)
    memory.script(Accepted(detail="thanks", exchange=Exchange("POST /hook", "fine", 200)))
    loop.tick()
    after = followed(admin_client, text)
    assert "Sent by the engine" in after
    assert "thanks" in after
    assert "POST /hook" in after
    assert "data-poll" not in after
    assert memory.opened[-1][0] == {"token": "live"}
    assert DeliveryAttempt.objects.get().outcome == "accepted"
    assert ProfileSync.objects.get().state == "synced"


def test_production_sends_even_what_is_unchanged(memory, live, profile, admin_client):
    for _ in range(2):
        text = live(name="production")
        loop.tick()
        assert "Sent by the engine" in followed(admin_client, text)
    assert len(memory.deliveries) == 2


def test_production_respects_the_prerequisites_and_says_so(memory, live, profile, admin_client):
    Profile(document={"id": "bob"}).save()
    text = live("bob", name="production")
    loop.tick()
    after = followed(admin_client, text)
    assert "Not sent" in after
    assert "profile@data.contact.email.business is missing" in after
    assert memory.deliveries == []


def test_a_failed_one_says_what_was_answered(memory, live, profile, admin_client, settings):
    settings.TRACSYNC_ATTEMPT_BODIES = "none"
    memory.script(Rejected("no such field"))
    text = live(name="production")
    loop.tick()
    after = followed(admin_client, text)
    assert "Rejected" in after
    assert "no such field" in after
    assert "TRACSYNC_ATTEMPT_BODIES" in after


def test_production_gets_only_what_is_saved(memory, live, profile):
    assert "Save them first" in live(name="production", mapping='{"other": "profile@id"}')
    assert not ProfileSync.objects.filter(asked=True).exists()


def test_production_respects_a_destination_that_is_paused(memory, live, profile):
    from django.utils import timezone

    Destination.objects.update(paused_at=timezone.now())
    assert "the destination is paused since" in live(name="production")
    assert not ProfileSync.objects.filter(asked=True).exists()


def test_production_respects_a_destination_that_is_off(memory, form, profile, destination, admin_client):
    Destination.objects.update(enabled=False)
    data = {**form, "tracsync_profile": "anna"}
    del data["enabled"]
    text = admin_client.post(url("production", destination), data).content.decode()
    assert "the destination is off" in text
    assert not ProfileSync.objects.filter(asked=True).exists()


def test_a_resting_destination_is_left_to_rest(memory, live, profile):
    from datetime import timedelta

    from django.utils import timezone

    Health.objects.update(held_until=timezone.now() + timedelta(hours=1), hold_reason="status 503")
    assert "the destination rests until" in live(name="production")


def test_production_needs_the_right_to_replay(memory, form, destination, profile, allow):
    data = {**form, "tracsync_profile": "anna"}
    client = allow(*EDITOR)
    assert client.post(url("production", destination), data).status_code == 403
    sync = ProfileSync.objects.create(profile=profile, destination=destination)
    query = f"?sync={sync.pk}&after=0"
    assert client.get(reverse(LIVE.format("sent")) + query).status_code == 403
    allow("destinations.change_profilesync")
    assert client.get(reverse(LIVE.format("sent")) + query).status_code == 200
    assert client.post(url("production", destination), data).status_code == 200
    assert client.get(reverse(LIVE.format("sent")) + "?sync=0&after=0").status_code == 404
    assert client.get(reverse(LIVE.format("sent")) + "?sync=x").status_code == 404


def test_a_profile_that_is_not_there_is_not_sent(memory, form, destination, admin_client):
    for name in ("test", "production"):
        answer = admin_client.post(url(name, destination), {**form, "tracsync_profile": "nobody"})
        assert answer.status_code == 404
    assert memory.deliveries == []
