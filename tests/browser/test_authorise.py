"""Authorising a resource in a browser, at a service that is another site to it."""

import pytest
from playwright.sync_api import expect

from tests.connectors.http.oauth_double import Double

SEED = """
from destinations.models import Resource
oauth2 = {oauth2!r}
credentials = {{"url": "{url}/in", "oauth2": oauth2}}
print(Resource.objects.create(name="CRM", type_id="http_api", production=credentials).pk, end="")
"""


@pytest.fixture
def double(site):
    double = Double(redirect_uris={site.url("destinations/resource/authorised/")})
    yield double
    double.close()


@pytest.fixture
def resource(site, double):
    """Its page. People are sent to another host name than the admin's, so that it is another site."""
    elsewhere = double.url.replace("127.0.0.1", "localhost") + "/authorize"
    oauth2 = double.oauth2(grant="authorization_code", authorize_url=elsewhere, scope="contacts.write")
    made = site.python(SEED.format(oauth2=oauth2, url=double.url))
    yield site.url(f"destinations/resource/{made}/change/")
    site.python(f"from destinations.models import Resource; Resource.objects.get(pk={made}).delete()")
    site.complaints[:] = [one for one in site.complaints if not one.startswith(f"asked {elsewhere}")]


def test_there_and_back(site, open_page, resource, double):
    """Content-Security-Policy lets the browser go, and the cookie comes back with it."""
    page = open_page(resource)
    expect(page.get_by_role("heading", name="Access")).to_be_visible()
    page.get_by_role("button", name="Authorise", exact=True).click()
    link = page.get_by_role("link", name="Go on to localhost")
    leads_to = link.get_attribute("href")
    link.click()
    expect(page.get_by_text("CRM is authorised. What waits is sent now.")).to_be_visible()
    assert page.url == resource, "the code does not stay in the address"
    assert len(double.asked) == 1
    page.goto(leads_to)
    expect(page.get_by_text("this answer was used before")).to_be_visible()
    assert len(double.asked) == 1


def test_no_barrier_on_the_way(view, site, open_page, resource, barriers):
    page = open_page(resource, **view)
    assert barriers(page) == []
    page.get_by_role("button", name="Authorise", exact=True).click()
    expect(page.get_by_role("link", name="Go on to localhost")).to_be_visible()
    assert barriers(page) == []
