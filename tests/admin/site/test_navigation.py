"""The sidebar, the way back above a title, titles, and the page of settings, each as a person may use it."""

import re

import pytest
from django.urls import reverse


def sidebar(text):
    return re.search(r'<nav id="nav-sidebar".*?</nav>', text, re.DOTALL)[0]


def labels(text):
    """What the links of the sidebar are called, in their order."""
    links = re.findall(r"<a .*?</a>", sidebar(text), re.DOTALL)
    return [re.sub(r"<[^>]*>", "", link).strip() for link in links]


SECTIONS = ["Home", "Destinations", "Profiles", "Activity", "Resources", "Settings"]


def test_there_is_a_section_for_each_task(page):
    assert labels(page("index")) == SECTIONS


def test_the_pages_of_the_section_where_somebody_is_stand_below_it(page):
    text = page("destinations_backfill_changelist")
    below = [
        "Delivery log",
        "State of profiles",
        "Work under way",
        "Backfills",
        "Replays",
        "Audits",
        "Incidents",
        "Erasures",
        "Trail",
    ]
    assert labels(text) == [*SECTIONS[:4], *below, *SECTIONS[4:]]
    assert re.findall(r'aria-current="page">(.*?)</a>', sidebar(text)) == ["Backfills"]
    assert re.search(
        r'aria-current="page"><svg.*?</svg>Destinations<', page("destinations_destination_changelist")
    )


def test_people_see_what_they_may_use(page, allow):
    text = page("index", client=allow("profiles.view_profile"))
    assert labels(text) == ["Home", "Profiles", "Settings"]
    text = page("index", client=allow("destinations.view_backfill"))
    assert labels(text) == ["Home", "Profiles", "Activity", "Settings"]


def test_the_way_back_names_sections_and_objects_and_no_apps(page, destination):
    def way(text):
        found = re.search(r'<ol class="t-crumbs">(.*?)</ol>', text)
        return re.findall(r">([^<>]+)</a>", found[1]) if found else []

    assert way(page("destinations_destination_changelist")) == []
    assert way(page("destinations_destination_change", destination.pk)) == ["Destinations"]
    assert way(page("destinations_destination_history", destination.pk)) == [
        "Destinations",
        "Business customers",
    ]
    assert way(page("tracsync_apitoken_add")) == ["Settings", "API tokens"]
    assert way(page("profiles_importjob_changelist")) == ["Profiles"]


def test_titles_say_what_a_list_is_for_and_name_objects(page, destination):
    text = page("destinations_destination_changelist")
    assert "<h1>Where profiles are sent</h1>" in text
    assert "<title>Where profiles are sent | tracsync</title>" in text
    text = page("destinations_destination_change", destination.pk)
    assert "<h1>Business customers</h1>" in text
    assert "Change destination" not in text


@pytest.mark.parametrize(
    ("app", "name"),
    [
        ("destinations", "destinations_destination"),
        ("profiles", "profiles_profile"),
        ("tracsync", "tracsync_incident"),
        ("auth", "auth_user"),
    ],
)
def test_what_leads_to_an_app_leads_to_its_pages(admin_client, app, name):
    assert admin_client.get(f"/admin/{app}/").url == reverse(f"admin:{name}_changelist")


def test_apps_that_somebody_may_not_see_are_not_found(allow):
    assert allow("profiles.view_profile").get("/admin/auth/").status_code == 404


def test_settings_lead_to_what_a_person_may_set_up(page, allow, settings):
    settings.TRACSYNC_QUIET_PERIOD = 30.0
    text = page("settings")
    assert reverse("admin:auth_user_changelist") in text
    assert "Quiet period 30 s, Max wait no limit" in text
    looking = allow("profiles.view_profile")
    text = page("settings", client=looking)
    assert reverse("admin:preferences") in text
    assert "People" not in text
    assert "Advanced" not in text, "how the installation is set is for those who set destinations up"


def test_values_of_a_list_stand_beside_their_names(page, destination):
    text = page("destinations_destination_changelist")
    assert '<td data-label="Resource" class="field-resource' in text
    assert 'data-label="" ' not in text


def test_the_style_guide_shows_every_kind_of_part(page):
    text = page("style_guide")
    for kind in ("fine", "working", "needs", "stopped", "off"):
        assert f't-badge is-{kind}"' in text
    assert "#i-destinations" in text
    assert reverse("admin:style_guide") in page("settings")
