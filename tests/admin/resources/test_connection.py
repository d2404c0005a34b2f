"""Testing the connection with what is typed, before it is saved; and addresses inside, told of at once."""

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from destinations.connectors.base import ConfigurationError
from destinations.insight import preview
from destinations.models import Resource

ADD = "type=http_api"
TYPED = {"name": "", "production.url": "https://crm.example.com/hook", "production.token": "PLANTED"}


@pytest.fixture
def answers(monkeypatch):
    """What the other side says: a sentence, or an error that is raised. Notes whom was asked with what."""
    asked = []

    def say(said):
        def check_typed(resource, use_test):
            asked.append(resource.credentials(use_test))
            if isinstance(said, Exception):
                raise said
            return said

        monkeypatch.setattr(preview, "check_typed", check_typed)
        return asked

    return say


@pytest.fixture
def ask(admin_client):
    def post(query=ADD, client=admin_client, **typed):
        url = reverse("admin:destinations_resource_test_typed")
        return client.post(f"{url}?{query}", {**TYPED, "tracsync_set": "production", **typed})

    return post


def test_what_is_typed_is_tested_and_not_stored(http_api, answers, ask):
    asked = answers("answered 200 to HEAD in 3 ms: reachable")
    text = ask().content.decode()
    assert "It answers" in text
    assert "reachable" in text
    assert asked == [{"url": TYPED["production.url"], "token": "PLANTED"}]
    assert "PLANTED" not in text
    assert not Resource.objects.exists()


def test_what_is_wrong_is_said(http_api, answers, ask):
    answers(ConfigurationError("the service refused the credentials: it answered 401 to HEAD"))
    text = ask().content.decode()
    assert "Not in order" in text
    assert "answered 401" in text


def test_mistakes_are_told_without_asking_anybody(http_api, answers, ask):
    asked = answers("fine")
    assert "header Expect cannot be set" in ask(**{"production.headers": '{"Expect": "1"}'}).content.decode()
    assert asked == []


def test_stored_credentials_go_to_no_other_address(resource, answers, ask):
    asked = answers("fine")
    other = {"production.url": "https://elsewhere.example/", "production.token": ""}
    text = ask(query=f"resource={resource.pk}", **other).content.decode()
    assert "Not in order" in text
    assert asked == []


def test_a_refresh_token_is_not_spent_on_a_test(http_api, answers, ask):
    asked = answers("fine")
    oauth = {
        "production.oauth2.grant": "refresh_token",
        "production.oauth2.token_url": "https://crm.example.com/token",
        "production.oauth2.client_id": "x",
        "production.oauth2.refresh_token": "once",
        "production.token": "",
    }
    assert "Save it first" in ask(**oauth).content.decode()
    assert asked == []


def test_only_those_who_may_save_may_test(resource, allow, ask):
    client = allow("destinations.view_resource")
    assert ask(client=client).status_code == 403
    assert ask(query=f"resource={resource.pk}", client=client).status_code == 403


def test_a_type_that_is_not_installed_has_no_form(db, ask):
    assert ask().status_code == 404
    assert ask(query="resource=99").status_code == 404


def test_what_was_tested_as_typed_counts_as_tested_once_it_is_saved(http_api, answers, ask, post):
    answers("fine")
    ask()
    assert "In order" in post("destinations_resource_add", query=ADD, **{**TYPED, "name": "CRM"})


def test_a_test_of_something_else_does_not_count(http_api, answers, ask, post):
    answers("fine")
    ask(**{"production.token": "another"})
    assert "in order" not in post("destinations_resource_add", query=ADD, **{**TYPED, "name": "CRM"})


def test_saving_an_address_inside_says_the_line_that_allows_it(http_api, post, settings):
    settings.TRACSYNC_ALLOWED_INTERNAL_NETWORKS = ["10.1.2.0/24"]
    inside = {"production.url": "http://127.0.0.1:8001/hook", "production.token": ""}
    text = post("destinations_resource_add", query=ADD, **{**TYPED, **inside, "name": "CRM"})
    assert "127.0.0.1 is an internal address" in text
    assert "TRACSYNC_ALLOWED_INTERNAL_NETWORKS=10.1.2.0/24,127.0.0.1" in text
    assert f"into the file {django_settings.DATA_DIR / 'tracsync.env'} (or" in text
    assert "restart" in text
    assert Resource.objects.exists()


def test_behind_a_proxy_only_the_proxy_is_connected_to(http_api, post):
    proxied = {"production.url": "http://127.0.0.1/", "production.proxy": "http://93.184.215.14:3128"}
    text = post("destinations_resource_add", query=ADD, **{**TYPED, **proxied, "name": "CRM"})
    assert "internal address" not in text
