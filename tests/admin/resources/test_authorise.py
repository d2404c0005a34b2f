"""Authorising a resource in the admin, with a service that answers as the standards say."""

import html
import json
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from destinations import configuration
from destinations.connectors import registry
from destinations.connectors.base import ConnectorError, Delivery
from destinations.connectors.http.manifests import start
from destinations.models import (
    AccessToken,
    AuthorisationRequest,
    Destination,
    Extension,
    Health,
    ProfileSync,
    Resource,
)
from destinations.sync import health, sessions
from destinations.sync.tokens import state as token_state
from tests.connectors.http.oauth_double import CLIENT, Double
from tests.ticking import run_all
from tracsync.models import TrailEntry

BACK = "http://testserver/admin/destinations/resource/authorised/"


@pytest.fixture
def double(settings):
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ("127.0.0.1",)
    double = Double(redirect_uris={BACK})
    yield double
    double.close()


@pytest.fixture
def crm(http_api, double):
    oauth2 = double.oauth2(grant="authorization_code", scope="contacts.write")
    credentials = {"url": f"{double.url}/in", "oauth2": oauth2}
    return Resource.objects.create(name="CRM", type=http_api, production=credentials, test=credentials)


@pytest.fixture
def destination(crm):
    made = Destination(name="customers", resource=crm, mapping={"id": "profile@id"})
    configuration.save(made)
    return made


def page_of(client, resource):
    return client.get(reverse("admin:destinations_resource_change", args=[resource.pk])).content.decode()


def leave(client, resource, which="production"):
    """Press Authorise: the address that the page leads to."""
    answer = client.post(reverse("admin:destinations_resource_authorise", args=[resource.pk]), {"set": which})
    text = answer.content.decode()
    assert BACK in text, "the redirect URI is shown to be copied"
    return html.unescape(re.search(r'class="button default" href="([^"]+)"', text)[1])


def agree(url, **more):
    """At the service: the address that it sends the browser back to, without our host."""
    answer = requests.get(f"{url}&{urlencode(more)}" if more else url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix("http://testserver")


def come_back(client, path):
    answer = client.get(path, follow=True)
    return html.unescape(answer.content.decode()), answer.request["PATH_INFO"]


def test_a_person_authorises_and_pushes_go(admin_client, crm, destination, double):
    health.unusable(destination.pk, "authorise it", needs_person=True)
    text = page_of(admin_client, crm)
    assert "not authorised yet" in text
    assert BACK in text
    url = leave(admin_client, crm)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert {"response_type": "code", "client_id": "me", "redirect_uri": BACK}.items() <= asked.items()
    assert (asked["scope"], asked["code_challenge_method"]) == ("contacts.write", "S256")
    assert len(asked["state"]) >= 43
    text, where = come_back(admin_client, agree(url))
    assert where == reverse("admin:destinations_resource_change", args=[crm.pk])
    assert "CRM is authorised. What waits is sent now." in text
    assert "Authorise again" in text
    shown = page_of(admin_client, crm)
    assert "<dt>Authorised by</dt><dd>admin</dd>" in shown
    assert "<dt>Access token is renewed</dt><dd><time" in shown
    health_now = Health.objects.get(destination=destination)
    assert (health_now.problem, health_now.held_until) == ("", None)
    assert health_now.recovered_at is not None
    with sessions.borrowed(destination, registry.get("http_api")) as session:
        assert type(session.push([Delivery({}, "k")])[0]).__name__ == "Accepted"
    assert len(double.asked) == 1
    assert TrailEntry.objects.get().action == "authorised"


def test_what_waits_is_kept_and_goes_once_it_is_authorised(
    admin_client, crm, destination, double, make_profile
):
    destination.quiet_period = 0
    configuration.save(destination)
    make_profile("ana")
    run_all()
    state = Health.objects.get(destination=destination)
    assert "authorise it on the resource's page" in state.problem
    assert state.is_held(timezone.now())
    assert double.called == []
    come_back(admin_client, agree(leave(admin_client, crm)))
    run_all()
    assert ProfileSync.objects.get().state == "synced"
    assert len(double.called) == 1


def test_a_withdrawn_consent_holds_until_it_is_given_again(
    admin_client, crm, destination, double, make_profile
):
    destination.quiet_period = 0
    configuration.save(destination)
    come_back(admin_client, agree(leave(admin_client, crm)))
    double.families[0].revoked = True
    double.revoke_access()
    make_profile("ana")
    run_all()
    assert ProfileSync.objects.get().due_at is not None
    home = html.unescape(admin_client.get(reverse("admin:index")).content.decode())
    assert "authorise again on the resource's page: the refresh token was refused" in home
    come_back(admin_client, agree(leave(admin_client, crm)))
    run_all()
    assert ProfileSync.objects.get().state == "synced"


def test_nothing_secret_is_shown_or_stored_in_clear(admin_client, crm, double, capsys):
    url = leave(admin_client, crm)
    path = agree(url)
    text, _ = come_back(admin_client, path)
    family = double.families[0]
    secrets = [family.refresh, *family.access, dict(parse_qsl(urlsplit(path).query))["code"]]
    secrets.append(double.asked[0]["code_verifier"])
    call_command("dumpdata", "destinations", "sessions")
    dumped = capsys.readouterr().out
    for secret in secrets:
        assert secret not in text + page_of(admin_client, crm) + dumped
    assert dict(parse_qsl(urlsplit(url).query))["state"] not in dumped


def test_production_and_test_are_authorised_apart(admin_client, crm, double):
    come_back(admin_client, agree(leave(admin_client, crm, "test")))
    assert token_state.read(crm, True).state == "given"
    assert token_state.read(crm, False).state == "missing"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.replace("state=", "state=x"), "belongs to nothing that you began"),
        (lambda path: path.partition("?")[0], "belongs to nothing that you began"),
        (lambda path: path.replace("code=", "code=x"), "invalid_grant: unknown code"),
        (lambda path: path.replace("code=", "other="), "sent no code along"),
        (lambda path: f"{path}&error=server_error&error_description=a%0A%3Cb%3E", "(server_error: a <b>)"),
    ],
    ids=["wrong state", "no state", "wrong code", "no code", "an error"],
)
def test_what_is_wrong_is_said(admin_client, crm, double, change, says):
    text, _ = come_back(admin_client, change(agree(leave(admin_client, crm))))
    assert "Nothing was authorised" in text
    assert says in text
    assert not AccessToken.objects.exists()


def test_what_the_service_says_is_a_text_and_no_markup(admin_client, crm):
    path = agree(leave(admin_client, crm)) + "&error=x&error_description=%3Cscript%3Ealert(1)%3C/script%3E"
    assert b"<script>alert(1)" not in admin_client.get(path, follow=True).content


def test_a_person_who_does_not_agree_is_told_so(admin_client, crm):
    text, _ = come_back(admin_client, agree(leave(admin_client, crm), no="1"))
    assert "at 127.0.0.1 it was not agreed to (access_denied: The user said no)" in text


def test_loading_the_page_again_does_nothing_more(admin_client, crm, double):
    path = agree(leave(admin_client, crm))
    come_back(admin_client, path)
    before = AccessToken.objects.values().get()
    text, where = come_back(admin_client, path)
    assert "Nothing more was done: this answer was used before" in text
    assert where == reverse("admin:destinations_resource_change", args=[crm.pk])
    assert AccessToken.objects.values().get() == before
    assert len(double.asked) == 1


def test_who_takes_too_long_begins_again(admin_client, crm, double):
    path = agree(leave(admin_client, crm))
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        text, _ = come_back(admin_client, path)
    assert "more than 10 minutes have passed" in text
    assert double.asked == []


def test_only_who_went_comes_back(admin_client, allow, crm, double):
    """Neither another person nor another browser of the same one can end what was begun."""
    path = agree(leave(admin_client, crm))
    allow("destinations.change_resource", "destinations.view_resource")
    users = get_user_model().objects
    admin = users.get(pk=AuthorisationRequest.objects.get().user)
    other_browser, other_person = Client(), Client()
    other_browser.force_login(admin)
    other_person.force_login(users.get(username="operator"))
    for client in (other_browser, other_person):
        session = client.session
        assert "belongs to nothing that you began" in come_back(client, path)[0]
        session.save()
    session = other_person.session
    session["tracsync_authorising"] = admin_client.session["tracsync_authorising"]
    session.save()
    assert "belongs to nothing that you began" in come_back(other_person, path)[0]
    assert double.asked == []
    assert "is authorised" in come_back(admin_client, path)[0]


def test_only_who_may_change_a_resource_may_authorise_it(allow, crm, double):
    client = allow("destinations.view_resource")
    assert ">Authorise<" not in page_of(client, crm)
    url = reverse("admin:destinations_resource_authorise", args=[crm.pk])
    assert client.post(url, {"set": "production"}).status_code == 403
    assert client.get(BACK).status_code == 403
    assert Client().get(BACK).status_code == 302, "to the page to sign in"


def test_credentials_that_were_changed_meanwhile_are_not_authorised(admin_client, crm, double):
    path = agree(leave(admin_client, crm))
    crm.production["oauth2"]["client_id"] = "another"
    configuration.save(crm)
    assert "the credentials were changed meanwhile" in come_back(admin_client, path)[0]
    assert double.asked == []


def test_a_service_that_is_down_is_no_mystery(admin_client, crm, double):
    path = agree(leave(admin_client, crm))
    double.down = 503
    assert "the token address answered 503. Begin again" in come_back(admin_client, path)[0]


def test_without_a_refresh_token_one_is_told(admin_client, crm, double):
    double.gives_refresh = False
    text, _ = come_back(admin_client, agree(leave(admin_client, crm)))
    assert "The service gave no refresh token" in text
    known = token_state.read(crm, False)
    assert (known.state, known.renews) == ("given", False)
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        assert token_state.read(crm, False).state == "ended"
        assert "has to be authorised again" in page_of(admin_client, crm)


def test_what_was_revoked_is_shown_where_one_looks(admin_client, crm, destination, double):
    come_back(admin_client, agree(leave(admin_client, crm)))
    double.families[0].revoked = True
    double.revoke_access()
    with (
        pytest.raises(ConnectorError, match="authorise again on the resource's page"),
        sessions.borrowed(destination, registry.get("http_api")) as session,
    ):
        session.push([Delivery({}, "k")])
    text = page_of(admin_client, crm)
    assert "has to be authorised again" in text
    assert "invalid_grant" in text
    url = reverse("admin:destinations_destination_change", args=[destination.pk])
    assert "Go there to authorise" in admin_client.get(url).content.decode()
    come_back(admin_client, agree(leave(admin_client, crm)))
    assert token_state.read(crm, False).state == "given"
    assert "Go there to authorise" not in admin_client.get(url).content.decode()


def test_other_headers_leave_it_authorised_and_another_host_does_not(admin_client, crm, double):
    come_back(admin_client, agree(leave(admin_client, crm)))
    crm.production = {**crm.production, "headers": {"X-Tenant": "7"}}
    configuration.save(crm)
    assert token_state.read(crm, False).state == "given"
    crm.production = {**crm.production, "url": "https://elsewhere.example/in"}
    configuration.save(crm)
    assert token_state.read(crm, False).state == "missing"
    assert not AccessToken.objects.exists()


def test_the_connection_is_tested_with_what_was_authorised(admin_client, crm, double):
    url = reverse("admin:destinations_resource_check", args=[crm.pk])
    assert "authorise it on the resource" in html.unescape(
        admin_client.post(url, {"set": "production"}, follow=True).content.decode()
    )
    double.gives_refresh = False
    come_back(admin_client, agree(leave(admin_client, crm)))
    answer = admin_client.post(url, {"set": "production"}, follow=True).content.decode()
    assert "answered 200 to HEAD" in answer


def test_only_what_asks_for_a_person_has_the_button(admin_client, resource):
    text = page_of(admin_client, resource)
    assert ">Authorise<" not in text
    url = reverse("admin:destinations_resource_authorise", args=[resource.pk])
    answer = admin_client.post(url, {"set": "production"}, follow=True).content.decode()
    assert "nobody has to authorise these credentials" in answer


def test_a_connector_that_is_a_file_is_authorised_the_same_way(admin_client, manifests, double):
    content = json.loads(start.text("acme"))
    content["auth"] = {
        "type": "oauth2",
        "grant": "authorization_code",
        "token_url": "{{credentials@base_url}}/token",
        "authorize_url": "{{credentials@base_url}}/authorize",
        "client_id": CLIENT[0],
        "client_secret": "credentials@token",
    }
    (manifests / "acme.json").write_text(json.dumps(content), encoding="utf-8")
    extension = Extension.objects.create(slug="acme", name="Acme", installed_at=timezone.now())
    production = {"token": CLIENT[1], "base_url": double.url}
    resource = Resource.objects.create(name="Acme", type=extension, production=production)
    assert "Acme is authorised" in come_back(admin_client, agree(leave(admin_client, resource)))[0]
    destination = Destination(name="acme", resource=resource, mapping={"email": "profile@email"})
    configuration.save(destination)
    with sessions.borrowed(destination, registry.get("acme")) as session:
        assert type(session.push([Delivery({"email": "a@x.example"}, "k")])[0]).__name__ == "Accepted"
    assert double.called == [*double.families[0].access]
