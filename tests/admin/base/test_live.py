"""Pages that follow what happens: which parts are asked for again, how often, and what no look does."""

import re

import pytest
from django.urls import reverse

from destinations import configuration
from destinations.admin.base.confirm_before_save import REVISION
from destinations.configuration.history import Author
from destinations.models import Backfill, Destination

LOOK = {"x-tracsync-live": "1"}


def parts(text):
    """The seconds between two looks, by the ids of the parts that are looked at."""
    return {
        re.search('id="([^"]+)"', tag)[1]: int(re.search('data-live="([0-9]+)"', tag)[1])
        for tag in re.findall("<[a-z]+ [^>]*data-live=[^>]*>", text)
    }


@pytest.fixture
def look(admin_client):
    """A look of a page that is open."""

    def at(name, *args, query=""):
        url = reverse(f"admin:{name}", args=args)
        response = admin_client.get(f"{url}?{query}", headers=LOOK)
        assert response.status_code == 200
        return response.content.decode()

    return at


def test_a_job_is_looked_at_while_it_runs_and_seldom_while_it_waits(destination, page):
    job = Backfill.objects.create(destination=destination, total=100, done=50)
    assert parts(page("destinations_backfill_change", job.pk)) == {"live-page": 2}
    job.pause()
    assert parts(page("destinations_backfill_change", job.pk)) == {"live-page": 10}
    job.cancel()
    assert parts(page("destinations_backfill_change", job.pk)) == {}


def test_the_panel_of_a_destination_is_a_piece_with_its_buttons(destination, page, look):
    assert parts(page("destinations_destination_change", destination.pk)) == {"live-panel": 5}
    piece = look("destinations_destination_live", destination.pk)
    assert "<html" not in piece
    assert parts(piece) == {"live-panel": 5}
    assert "Pause" in piece
    assert f'data-announce="{destination.name}: ' in piece


def test_a_piece_is_for_those_who_may_see_the_page(destination, allow):
    client = allow("destinations.view_resource")
    url = reverse("admin:destinations_destination_live", args=[destination.pk])
    assert client.get(url, headers=LOOK).status_code == 403


def test_an_open_form_says_who_has_saved_meanwhile(destination, page, look):
    text = page("destinations_destination_change", destination.pk)
    url = re.search('data-live-url="([^"]+)"', text)[1]
    assert url.endswith(f"?{REVISION}={destination.revision}")
    query = url.partition("?")[2]
    assert "Somebody else" not in look("destinations_destination_live", destination.pk, query=query)
    destination.tags = ["theirs"]
    configuration.save(destination, by=Author("ann"))
    piece = look("destinations_destination_live", destination.pk, query=query)
    assert "Somebody else has saved this while you have it open." in piece
    assert "ann" in piece
    assert "Tags" in piece


def test_why_is_looked_at_often_while_something_is_on_its_way(destination, profile, page):
    why = ("profiles_profile_why", profile.pk, destination.pk)
    assert parts(page(*why)) == {"live-why": 2, "live-now": 2}  # it is changing
    Destination.objects.update(enabled=False)
    assert parts(page(*why)) == {"live-why": 10, "live-now": 10}


def test_home_follows(destination, page):
    assert set(parts(page("index"))) == {"live-home"}


def test_looking_takes_no_message_away_and_leaves_none(destination, admin_client, look):
    """They are for the page that somebody reads."""
    client = admin_client
    url = reverse("admin:destinations_destination_pause", args=[destination.pk])
    client.post(url)
    look("index")
    assert "Paused: " in client.get(reverse("admin:index")).content.decode()
    Destination.objects.update(settings_version=99)  # of which the page says something each time
    look("destinations_destination_change", destination.pk)
    assert "messagelist" not in client.get(reverse("admin:work")).content.decode()
