"""API tokens in the admin."""

import re
from datetime import timedelta

from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from tracsync.models import ApiToken, TrailEntry


def test_a_token_is_shown_once_and_kept_nowhere(db, admin_client, page):
    answer = admin_client.post(reverse("admin:tracsync_apitoken_add"), {"name": "CRM", "scopes": "ingest"})
    token = ApiToken.objects.get()
    [text] = set(re.findall(r"tracsync_" + token.prefix + r"\.[\w-]+", answer.content.decode()))
    assert token.matches(text)
    assert text not in str(answer.cookies)
    assert not list(get_messages(answer.wsgi_request))
    for place in (page("tracsync_apitoken_changelist"), page("tracsync_apitoken_change", token.pk)):
        assert token.prefix in place
        assert text not in place
    assert not any(text in str(session.get_decoded()) for session in Session.objects.all())
    assert text not in str(list(TrailEntry.objects.values()))
    assert TrailEntry.objects.get().action == "token_made"


def test_the_shown_token_works(db, admin_client, client):
    answer = admin_client.post(
        reverse("admin:tracsync_apitoken_add"), {"name": "CRM", "scopes": "profiles:read"}
    )
    text = re.search(r"Bearer ([\w.-]+)", answer.content.decode())[1]
    token = ApiToken.objects.get()
    assert text.startswith(f"tracsync_{token.prefix}.")
    assert token.matches(text)
    assert (token.granted, token.read_only) == (("profiles:read",), True)


def test_a_name_that_is_taken_is_said(db, post):
    ApiToken.generate("CRM")[0].save()
    assert "already exists" in post("tracsync_apitoken_add", name="CRM", scopes="ingest")
    assert ApiToken.objects.count() == 1


def test_editing_keeps_the_token(db, page, post, fields):
    token, text = ApiToken.generate("CRM")
    token.save()
    form = fields(page("tracsync_apitoken_change", token.pk))
    post("tracsync_apitoken_change", token.pk, **{**form, "name": "ERP"})
    assert ApiToken.objects.get(name="ERP").matches(text)


def test_deleting_revokes(db, post):
    token, _ = ApiToken.generate("CRM")
    token.save()
    post("tracsync_apitoken_delete", token.pk, post="yes")
    assert not ApiToken.objects.exists()


def test_an_end_by_default_and_for_ever_only_when_asked(db, admin_client, post):
    add = reverse("admin:tracsync_apitoken_add")
    assert admin_client.get(add).context["adminform"].form.initial["expires_at"] is not None
    post("tracsync_apitoken_add", name="a", scopes="ingest")
    left = ApiToken.objects.get(name="a").expires_at - timezone.now()
    assert timedelta(days=89) < left <= timedelta(days=90)
    post("tracsync_apitoken_add", name="b", scopes="ingest", never="on")
    assert ApiToken.objects.get(name="b").expires_at is None
    late = {"expires_at_0": "2999-01-01", "expires_at_1": "00:00"}
    assert "within 366 days" in post("tracsync_apitoken_add", name="c", scopes="ingest", **late)
    assert not ApiToken.objects.filter(name="c").exists()


def test_scopes_are_chosen(db, post):
    assert "Choose what it may do" in post("tracsync_apitoken_add", name="a")
    assert not ApiToken.objects.exists()


def test_one_for_a_destination(db, post, destination):
    asked = {"name": "a", "destination": destination.pk}
    assert "reaches all of them" in post("tracsync_apitoken_add", scopes="ingest", **asked)
    post("tracsync_apitoken_add", scopes="operations:write", **asked)
    assert ApiToken.objects.get().destination == destination


def test_rotating(db, admin_client, page):
    token, old = ApiToken.generate("CRM")
    token.save()
    assert reverse("admin:tracsync_apitoken_rotate", args=[token.pk]) in page(
        "tracsync_apitoken_change", token.pk
    )
    assert "overlap_hours" in page("tracsync_apitoken_rotate", token.pk)
    answer = admin_client.post(
        reverse("admin:tracsync_apitoken_rotate", args=[token.pk]), {"overlap_hours": "2"}
    )
    text = re.search(r"Bearer ([\w.-]+)", answer.content.decode())[1]
    token.refresh_from_db()
    assert (token.matches(text), token.matches(old)) == (True, True)
    assert timedelta(hours=1) < token.previous_ends_at - timezone.now() <= timedelta(hours=2)
    shown = page("tracsync_apitoken_change", token.pk)
    assert token.previous_prefix in shown
    assert text not in shown
    assert text not in str(list(TrailEntry.objects.values()))
    assert TrailEntry.objects.first().action == "token_rotated"
    refused = admin_client.post(
        reverse("admin:tracsync_apitoken_rotate", args=[token.pk]), {"overlap_hours": "9999"}
    )
    assert "Bearer" not in refused.content.decode()


def test_what_ended_can_be_renamed(db, post, page, fields):
    token, _text = ApiToken.generate("CRM", expires_at=timezone.now() - timedelta(days=1))
    token.save()
    form = fields(page("tracsync_apitoken_change", token.pk))
    post("tracsync_apitoken_change", token.pk, **{**form, "name": "ERP"})
    assert ApiToken.objects.filter(name="ERP").exists()


def test_one_for_a_source(db, post, page, fields):
    made = {"name": "shop", "scopes": ["profiles:read", "ingest"], "source": "shop"}
    post("tracsync_apitoken_add", **made)
    token = ApiToken.objects.get()
    assert (token.source, token.granted) == ("shop", ("ingest", "profiles:read"))
    assert "ingest, profiles:read of the source shop" in page("tracsync_apitoken_changelist")
    form = fields(page("tracsync_apitoken_change", token.pk))
    assert form["source"] == "shop"
    post("tracsync_apitoken_change", token.pk, **{**form, "source": "crm"})
    assert ApiToken.objects.get().source == "crm"
    wide = post("tracsync_apitoken_change", token.pk, **{**form, "scopes": ["ingest", "deliveries:read"]})
    assert "cannot have deliveries:read, which reaches the profiles of all" in wide
    assert "small letters, digits" in post(
        "tracsync_apitoken_change", token.pk, **{**form, "source": "My@Shop"}
    )
    assert ApiToken.objects.get().source == "crm"
