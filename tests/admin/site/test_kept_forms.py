"""Without scripts, too, a session that ends loses nothing that was typed."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from destinations.models import Resource

TYPED = 'typed "with"\nquotes <and> ü'


@pytest.fixture
def browser(admin_user):
    return Client(headers={"accept": "text/html"})


@pytest.fixture
def address(resource):
    return reverse("admin:destinations_destination_change", args=["7"]) + "?_changelist_filters=x"


def hidden(page):
    inputs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in inputs}


@pytest.fixture
def given_back(browser, address):
    answer = browser.post(address, {"name": TYPED, "tags": ["a", "b"], "_save": "Save"})
    page = answer.content.decode()
    assert (answer.status_code, "You are signed out, so nothing was sent" in page) == (403, True)
    assert "typed" not in page.replace("What you typed", "")  # it may be a secret, and is encrypted
    return hidden(page)


def go_on(browser, given_back):
    answer = browser.post(reverse("admin:kept_form"), given_back, follow=True)
    return answer.status_code, answer.content.decode()


def test_it_is_sent_when_somebody_is_signed_in_again(browser, given_back, address, admin_user):
    status, page = go_on(browser, given_back)
    assert (status, "You are signed out" in page, hidden(page)) == (200, True, given_back)
    browser.force_login(admin_user)
    status, page = go_on(browser, given_back)
    assert f'<form method="post" action="{address}">' in page
    fields = hidden(page[page.index("What you typed has not been sent yet") :])
    assert {**fields, "csrfmiddlewaretoken": ""} == {
        "name": TYPED,
        "tags": "b",
        "_save": "Save",
        "csrfmiddlewaretoken": "",
    }
    assert page.count('name="tags"') == 2


def test_what_was_typed_is_saved(browser, http_api, admin_user):
    form = {"name": "Kept", "type": "http_api", "production.url": "https://x.example", "_save": "Save"}
    add = f"{reverse('admin:destinations_resource_add')}?type=http_api"
    given_back = hidden(browser.post(add, form).content.decode())
    browser.force_login(admin_user)
    fields = hidden(go_on(browser, given_back)[1])
    browser.post(add, fields)
    assert Resource.objects.get().production["url"] == "https://x.example"


def test_only_in_the_browser_that_it_was_typed_in(given_back, admin_client):
    _status, page = go_on(admin_client, given_back)
    assert "it is of another browser, or older than a day" in page


def test_only_for_a_day(frozen, browser, given_back, admin_user):
    frozen.forward(timedelta(days=1, seconds=1).total_seconds())
    browser.force_login(admin_user)
    assert "older than a day" in go_on(browser, given_back)[1]


@pytest.mark.parametrize("sealed", ["", "nonsense", "ü"])
def test_what_is_made_up(admin_client, sealed):
    assert "cannot be brought back" in go_on(admin_client, {"tracsync_kept": sealed})[1]


def test_forms_of_other_sites_are_not_taken(address):
    strict = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    answer = strict.post(address, {"name": "evil"})
    assert (answer.status_code, "out of date" in answer.content.decode()) == (403, True)


def test_files_are_named(browser, db, tmp_path):
    (tmp_path / "people.csv").write_text("id\n1\n")
    with (tmp_path / "people.csv").open() as file:
        answer = browser.post(reverse("admin:profiles_importjob_add"), {"file": file})
    assert "Files have to be chosen again: people.csv" in answer.content.decode()


def test_scripts_and_very_large_forms_are_sent_to_sign_in(client, browser, address):
    assert client.post(address, {"name": "x"}).status_code == 302
    assert browser.post(address, {"name": "x" * 1_000_001}).status_code == 302
