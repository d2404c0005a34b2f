"""The search in the header: who finds what, where a hit leads, and what nobody finds."""

import pytest
from django.urls import reverse

from destinations import configuration
from destinations.models import Destination, ProfileSync, Resource
from profiles.changes import Change, write
from profiles.models import Profile
from profiles.search import job

pytestmark = pytest.mark.django_db

SEARCH = "/admin/search/"
NAME = "Sabine Müller"


@pytest.fixture(autouse=True)
def people(db):
    write(
        [
            Change("c-1", "put", {"id": "c-1", "name": NAME, "email": "sabine@example.com"}),
            Change("c-2", "put", {"id": "c-2", "name": "Ida Beck"}),
        ]
    )


def search(client, text, **query):
    response = client.get(SEARCH, {"q": text, **query})
    assert response.status_code == 200
    return response.content.decode()


def why_url(profile, destination):
    return reverse("admin:profiles_profile_why", args=[profile, destination.pk])


@pytest.mark.parametrize("query", [{}, {"piece": "1"}])
def test_a_hit_has_name_address_id_and_why(admin_client, destination, query):
    text = search(admin_client, "mül", **query)
    for part in (NAME, "sabine@example.com", "c-1", "/admin/profiles/profile/c-1/change/"):
        assert part in text
    assert why_url("c-1", destination) in text
    assert "Business customers: never sent" in text
    assert "Ida Beck" not in text


def test_a_destination_is_found_by_a_part_of_its_name(admin_client, destination):
    text = search(admin_client, "CUSTOM")
    assert f"/admin/destinations/destination/{destination.pk}/change/" in text


@pytest.mark.parametrize("text", ["KÄUFER", "kaeufer", "für kauf"])
def test_case_and_accents_of_destinations_do_not_matter_either(admin_client, destination, text):
    Destination.objects.filter(pk=destination.pk).update(name="Rundbrief für Käufer")
    assert f"/admin/destinations/destination/{destination.pk}/change/" in search(admin_client, text)


def test_a_destination_is_found_by_its_slug_everywhere(admin_client, destination, resource):
    Destination.objects.filter(pk=destination.pk).update(slug="b2b")
    Resource.objects.filter(pk=resource.pk).update(slug="b2b-system")
    address = f"/admin/destinations/destination/{destination.pk}/change/"
    assert address in search(admin_client, "B2B")
    lists = {"destination": address, "resource": f"/admin/destinations/resource/{resource.pk}/change/"}
    for kind, found in lists.items():
        assert found in admin_client.get(f"/admin/destinations/{kind}/?q=b2b").content.decode()


def test_what_went_wrong_stands_first(admin_client, destination, resource):
    for name in ("A", "B", "C", "D"):
        last = Destination(name=name, resource=resource)
        configuration.save(last)
    ProfileSync.objects.create(profile_id="c-1", destination=last, state="rejected")
    text = search(admin_client, "sabine", piece="1")
    assert text.index("Why? D: rejected") < text.index("Why? A: never sent")
    assert "#at-destinations" in text, "there are more than three"


@pytest.mark.parametrize("text", ["mül", "sabine@example.com", "c-1", "Ida"])
def test_who_may_not_view_profiles_finds_none(allow, destination, text):
    client = allow("destinations.view_destination", "destinations.view_profilesync")
    shown = search(client, text)
    assert NAME not in shown
    assert "Ida Beck" not in shown
    assert "/profiles/profile/" not in shown


@pytest.mark.parametrize("text", ["c-1", "C-1"])
def test_who_may_not_see_personal_data_finds_profiles_by_their_ids(allow, destination, text):
    client = allow("profiles.view_profile", "destinations.view_profilesync", sees=False)
    assert 'id="global-search"' in client.get("/admin/").content.decode()
    shown = search(client, text, piece="1")
    assert "/admin/profiles/profile/c-1/change/" in shown
    assert why_url("c-1", destination) in shown
    assert "S***" in shown
    for secret in (NAME, "sabine@", "example"):
        assert secret not in shown


@pytest.mark.parametrize("text", ["mül", "sabine@example.com", "example.com"])
def test_who_may_not_see_personal_data_finds_nobody_by_it(allow, text):
    client = allow("profiles.view_profile", sees=False)
    shown = search(client, text)
    assert "/profiles/profile/c-1/" not in shown
    assert "Type the beginning of an ID: you may not see personal data." in shown
    assert "of a name" not in search(client, "")


def test_who_may_not_view_destinations_finds_none(allow, destination):
    client = allow("profiles.view_profile")
    assert "/destinations/destination/" not in search(client, "Business")
    assert "Why?" not in search(client, "Sabine")


def test_who_may_find_nothing_has_no_field(allow):
    client = allow("destinations.view_resource")
    assert 'id="global-search"' not in client.get("/admin/").content.decode()
    assert NAME not in search(client, "mül")


def test_nobody_finds_anything_before_signing_in(client):
    assert client.get(SEARCH, {"q": "mül"}).status_code == 302


def test_every_page_has_the_field(admin_client, destination):
    for url in (
        "/admin/",
        "/admin/profiles/profile/",
        reverse("admin:work"),
        "/admin/preferences/",
        "/admin/docs/admin/",
    ):
        text = admin_client.get(url).content.decode()
        assert text.count('id="global-search"') == 1, url


def test_a_deleted_profile_is_not_found(admin_client):
    Profile.objects.filter(pk="c-1").delete()
    for text in ("mül", "sabine@", "c-1"):
        assert "/profiles/profile/c-1/" not in search(admin_client, text)


HOSTILE = ("%", "_", "'", '"', "\0", "mul*", "NEAR(", "\\", "<script>", "x" * 10_000, "\ud7ff\U0010ffff")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("query", [{}, {"piece": "1"}])
def test_hostile_texts_are_answered(admin_client, destination, text, query):
    shown = search(admin_client, text, **query)
    assert (NAME in shown) == (text == "mul*")
    assert "<script>" not in shown.replace("<script src", "")


def test_a_name_with_markup_is_shown_as_text(admin_client):
    write([Change("c-3", "put", {"id": "c-3", "name": "<b>Bold</b> Eve"})])
    assert "&lt;b&gt;Bold&lt;/b&gt; Eve" in search(admin_client, "eve")
    listed = admin_client.get("/admin/profiles/profile/").content.decode()
    assert "&lt;b&gt;Bold&lt;/b&gt; Eve" in listed


def test_the_cost_does_not_follow_the_hits(admin_client, destination, django_assert_max_num_queries):
    write([Change(f"m-{n}", "put", {"id": f"m-{n}", "name": f"Max {n}"}) for n in range(30)])
    with django_assert_max_num_queries(12):
        text = search(admin_client, "max", piece="1")
    assert "There are more" in text


def test_it_says_while_names_are_being_indexed(admin_client):
    job.start()
    assert "being indexed" in search(admin_client, "mül")


def test_in_german(admin_client):
    text = admin_client.get(SEARCH, {"q": "mül"}, HTTP_ACCEPT_LANGUAGE="de").content.decode()
    assert "Ein Profil oder ein Ziel finden" in text


def test_lists_show_names_to_those_who_may_know_them(admin_client, allow, destination):
    ProfileSync.objects.create(profile_id="c-1", destination=destination, state="rejected")
    page = "/admin/destinations/profilesync/"
    assert NAME in admin_client.get(page).content.decode()
    client = allow("destinations.view_profilesync")
    text = client.get(page).content.decode()
    assert NAME not in text
    assert "c-1" in text


def test_the_profiles_list_is_searched_by_name(admin_client):
    text = admin_client.get("/admin/profiles/profile/", {"q": "müll"}).content.decode()
    assert "c-1" in text
    assert "c-2" not in text


def test_titles_have_the_name(admin_client, destination):
    assert f"{NAME} (c-1)" in admin_client.get("/admin/profiles/profile/c-1/change/").content.decode()
    assert f"{NAME} (c-1)" in admin_client.get(why_url("c-1", destination)).content.decode()


def test_the_page_of_an_indexing_job(admin_client):
    made = job.start("ann")
    text = admin_client.get(f"/admin/profiles/indexjob/{made.pk}/change/").content.decode()
    assert "0 of 2 profiles indexed" in text
    admin_client.post(f"/admin/profiles/indexjob/{made.pk}/act/pause/")
    made.refresh_from_db()
    assert made.paused_at is not None
