"""What people see where something goes wrong: in words, in their language, with a way back."""

import re

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from tracsync.admin import site as admin_site

HERE = "http://testserver"


@pytest.fixture
def browser(admin_user):
    """A browser that is shown what goes wrong, with the checks of forms that others leave out."""
    browser = Client(raise_request_exception=False, enforce_csrf_checks=True)
    browser.force_login(admin_user)
    return browser


@pytest.fixture
def broken(monkeypatch):
    def fail_with(error):
        def view(*args, **kwargs):
            raise error

        monkeypatch.setattr(admin_site.preferences, "view", view)

    return fail_with


def seen(response, status):
    assert response.status_code == status
    text = response.content.decode()
    assert f'href="{reverse("admin:index")}"' in text
    assert "DOCTYPE html" in text
    return text


def test_a_missing_page_leads_to_its_list_home_and_back(browser):
    before = f"{HERE}/admin/profiles/profile/"
    gone = f"{reverse('admin:destinations_destination_changelist')}999/preview/"
    text = seen(browser.get(gone, headers={"referer": before}), 404)
    assert "There is nothing here" in text
    assert f'href="{before}">Back to where you were' in text
    assert f'href="{reverse("admin:destinations_destination_changelist")}"' in text


def test_the_search_stands_there_too(browser, allow, client):
    box = 'id="global-search"'
    assert box in seen(browser.get("/admin/nowhere/"), 404)
    assert box in seen(allow("destinations.view_destination").get("/admin/auth/user/"), 403)
    assert box not in Client().get("/admin/nowhere/").content.decode()
    assert box not in seen(browser.get("/nowhere/"), 404)


def test_another_site_is_no_way_back(browser):
    text = seen(browser.get("/nowhere", headers={"referer": "https://elsewhere.example/x"}), 404)
    assert "elsewhere" not in text


def test_it_is_said_in_the_readers_language(browser):
    text = seen(
        browser.get("/admin/destinations/destination/999/preview/", headers={"accept-language": "de"}), 404
    )
    assert "Hier ist nichts" in text


def test_whoever_may_not_is_told_who_they_are(allow):
    client = allow("destinations.view_destination")
    text = seen(client.get(reverse("admin:destinations_resource_add")), 403)
    assert "You may not do this" in text
    assert "operator" in text


@pytest.mark.parametrize("origin", [None, "null", "https://elsewhere.example"])
def test_a_form_that_is_out_of_date_says_that_nothing_was_saved(browser, origin):
    """Another site may have made it: one click on our page must not send it."""
    headers = {"origin": origin} if origin else {}
    text = seen(browser.post(reverse("admin:preferences"), {"language": "de"}, headers=headers), 403)
    assert "nothing was saved" in text
    assert "may still have what you typed" in text
    assert 'name="language"' not in text


def test_a_form_of_ours_that_is_out_of_date_still_has_what_was_typed(browser):
    """It cannot be told whether a browser goes back to it: none keeps these pages."""
    address = reverse("admin:preferences")
    answer = browser.post(address, {"language": "de", "time_zone": ""}, headers={"origin": HERE})
    text = seen(answer, 403)
    assert "nothing was saved" in text
    assert "What you typed is still here" in text
    assert '<input type="hidden" name="language" value="de">' in text
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
    again = browser.post(address, {"language": "de", "time_zone": "", "csrfmiddlewaretoken": token})
    assert again.status_code == 302


def test_a_password_is_in_no_page_that_gives_back(browser):
    answer = browser.post(
        reverse("admin:preferences"), {"password1": "s3cr3t-word"}, headers={"origin": HERE}
    )
    text = seen(answer, 403)
    assert "nothing was saved" in text
    assert "s3cr3t-word" not in text


def test_a_failure_says_where_its_reason_is_and_not_what_it_is(browser, broken):
    broken(RuntimeError("PLANTED"))
    text = seen(browser.get(reverse("admin:preferences")), 500)
    assert "The log of" in text
    assert f'href="{reverse("admin:preferences")}">Try again' in text
    assert "PLANTED" not in text


def test_a_database_that_is_away(browser, broken):
    broken(OperationalError("PLANTED"))
    response = browser.get(reverse("admin:preferences"))
    assert "The database does not answer now" in seen(response, 503)
    assert response.headers["Retry-After"]


def test_what_was_typed_is_not_lost_while_the_database_is_held(admin_user, broken):
    browser = Client(raise_request_exception=False, headers={"accept": "text/html"})
    browser.force_login(admin_user)
    broken(OperationalError("PLANTED"))
    response = browser.post(f"{reverse('admin:preferences')}?a=1", {"note": 'typed "so"', "tags": ["a", "b"]})
    text = seen(response, 503)
    assert "The database does not answer now" in text
    assert "What you typed is still here" in text
    assert f'action="{reverse("admin:preferences")}?a=1"' in text
    assert '<input type="hidden" name="note" value="typed &quot;so&quot;">' in text
    assert text.count('name="tags"') == 2
    assert response.headers["Retry-After"]
    assert "no-store" in response.headers["Cache-Control"]
    response = browser.post(reverse("admin:preferences"), {"new_password1": "typed"})
    assert "typed" not in seen(response, 503)


def test_a_name_that_is_not_ours_gets_no_links():
    response = Client().get("/admin/", headers={"host": "elsewhere.example"})
    assert response.status_code == 400
    assert "does not answer to the name" in response.content.decode()
