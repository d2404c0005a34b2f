"""The history of a destination: who, when, what; two versions compared; an older one restored."""

import pytest
from django.urls import reverse

from destinations import configuration
from destinations.models import Destination, Resource

CHANGE = "destinations_destination_change"
HISTORY = "destinations_destination_history"
RESTORE = "destinations_destination_restore"


@pytest.fixture
def crm(destination, page, post, fields, sealed):
    """Two saves later: another condition and mapping, then another way to send."""
    form = fields(page(CHANGE, destination.pk))
    form |= {"prerequisites": "profile@id EXISTS", "mapping": '{"id": "profile@id"}'}
    post(CHANGE, destination.pk, **sealed(post(CHANGE, destination.pk, **form)))
    form["settings.method"] = "PUT"
    post(CHANGE, destination.pk, **sealed(post(CHANGE, destination.pk, **form)))
    destination.refresh_from_db()
    return destination


def test_it_says_who_changed_what(crm, page, admin_user):
    text = page(HISTORY, crm.pk)
    assert text.count(f'<td data-label="Who">{admin_user.get_username()}</td>') == 2
    assert "Prerequisites changed." in text
    assert "Setting method: from not set to “PUT”." in text
    assert text.index("Version 3") < text.index("Version 2") < text.index("Version 1")


def test_pausing_is_in_it(crm, post, page):
    post("destinations_destination_pause", crm.pk)
    assert "<li>Paused.</li>" in page(HISTORY, crm.pk)


def test_any_two_are_compared(crm, page):
    for query in ("from=1&to=3", "from=3&to=1"):
        text = page(HISTORY, crm.pk, query=query)
        assert "From version 1 to version 3" in text
        assert "<del>- profile@data.contact.email.business EXISTS</del>" in text
        assert "<ins>+ profile@id EXISTS</ins>" in text
        assert "<ins>+   &quot;id&quot;: &quot;profile@id&quot;</ins>" in text


@pytest.mark.parametrize("query", ["from=9&to=1", "from=x&to=-1", "before=x", "from=1&to=9999999999999999"])
def test_versions_that_are_not_there(query, crm, page):
    assert "From version" not in page(HISTORY, crm.pk, query=query)


def test_restoring_asks_first_and_keeps_the_secrets_and_the_name(crm, post, page, sealed, secret):
    Destination.objects.filter(pk=crm.pk).update(name="Renamed")
    asked = post(RESTORE, crm.pk, number=1)
    assert "Before you save" in asked
    assert "Prerequisites changed." in asked
    assert secret not in asked
    crm.refresh_from_db()
    assert crm.settings["method"] == "PUT"
    post(CHANGE, crm.pk, **sealed(asked), _save_only="yes")
    crm.refresh_from_db()
    assert crm.prerequisites == "profile@data.contact.email.business EXISTS"
    assert crm.mapping == {"mail": "profile@data.contact.email.business"}
    assert crm.settings == {"cookies": {"session": secret}, "headers": {"X-Authorization": secret}}
    assert crm.name == "Renamed"
    assert "Version 4" in page(HISTORY, crm.pk)


def test_restoring_timing_asks_as_well(crm, post, sealed):
    crm.quiet_period = 7
    configuration.save(crm)
    asked = post(RESTORE, crm.pk, number=3)
    assert "Quiet period: from “7.0” to not set." in asked
    post(CHANGE, crm.pk, **sealed(asked), _save_only="yes")
    crm.refresh_from_db()
    assert crm.quiet_period is None


def test_restoring_what_it_is_now(crm, post):
    assert "there is nothing to restore" in post(RESTORE, crm.pk, number=3)


def test_a_version_that_is_no_longer_valid_leads_to_the_form(crm, post, http_api):
    crm.versions.filter(number=1).update(content={**crm.versions.get(number=1).content, "prerequisites": ">"})
    answer = post(RESTORE, crm.pk, number=1)
    assert "cannot be saved as it was" in answer
    assert 'id="id_prerequisites_error"' in answer


def test_a_resource_that_is_gone_stays_as_it_is_now(crm, post, resource, sealed):
    other = Resource.objects.create(name="Other", type=resource.type, production=resource.production)
    crm.resource = other
    configuration.save(crm)
    resource.delete()
    post(CHANGE, crm.pk, **sealed(post(RESTORE, crm.pk, number=1)), _save_only="yes")
    crm.refresh_from_db()
    assert (crm.resource, crm.mapping) == (other, {"mail": "profile@data.contact.email.business"})


def test_only_a_post_of_somebody_who_may_change_restores(crm, allow, admin_client):
    url = reverse(f"admin:{RESTORE}", args=[crm.pk])
    assert admin_client.get(url).status_code == 405
    assert admin_client.post(url, {"number": "99"}).status_code == 404
    client = allow("destinations.view_destination")
    assert client.post(url, {"number": "1"}).status_code == 403
    text = client.get(reverse(f"admin:{HISTORY}", args=[crm.pk])).content.decode()
    assert "Version 3" in text
    assert "Restore…" not in text


def test_a_long_history_is_read_in_parts(destination, page, django_assert_max_num_queries, admin_client):
    for number in range(60):
        destination.quiet_period = number
        configuration.save(destination)
    with django_assert_max_num_queries(12):
        text = page(HISTORY, destination.pk)
    assert "?before=12" in text
    assert text.count("Restore…") == 49
    assert "Version 1<" in page(HISTORY, destination.pk, query="before=12")


def test_an_older_version_takes_no_secret_to_another_resource(crm, post, resource):
    other = Resource.objects.create(
        name="Other", type=resource.type, production={"url": "https://o.example/"}
    )
    crm.versions.filter(number=1).update(content={**crm.versions.get(number=1).content, "resource": other.pk})
    answer = post(RESTORE, crm.pk, number=1)
    assert "cannot be saved as it was" in answer
    assert "Another resource leads to another place: enter headers, cookies again." in answer
