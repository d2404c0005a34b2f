"""API tokens in the admin."""

import re

from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.urls import reverse

from tracsync.models import ApiToken


def test_a_token_is_shown_once_and_kept_nowhere(db, admin_client, page):
    answer = admin_client.post(reverse("admin:tracsync_apitoken_add"), {"name": "CRM"})
    token = ApiToken.objects.get()
    [text] = set(re.findall(token.prefix + r"\.[\w-]+", answer.content.decode()))
    assert token.matches(text)
    assert text not in str(answer.cookies)
    assert not list(get_messages(answer.wsgi_request))
    for place in (page("tracsync_apitoken_changelist"), page("tracsync_apitoken_change", token.pk)):
        assert token.prefix in place
        assert text not in place
    assert not any(text in str(session.get_decoded()) for session in Session.objects.all())
    assert not LogEntry.objects.filter(change_message__contains=text).exists()


def test_the_shown_token_works(db, admin_client, client):
    answer = admin_client.post(reverse("admin:tracsync_apitoken_add"), {"name": "CRM", "read_only": "on"})
    text = re.search(r"Bearer ([\w.-]+)", answer.content.decode())[1]
    assert ApiToken.objects.get(prefix=text[:8]).matches(text)
    assert ApiToken.objects.get().read_only


def test_a_name_that_is_taken_is_said(db, post):
    ApiToken.generate("CRM")[0].save()
    assert "already exists" in post("tracsync_apitoken_add", name="CRM")
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
