"""What is wrong with a resource or a destination is said where it is wrong."""

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from destinations.configuration import validation
from destinations.models import Destination, Extension, Resource

pytestmark = pytest.mark.django_db


@pytest.fixture
def http():
    Extension.objects.update(installed_at=timezone.now())
    return Resource.objects.create(
        name="api", type_id="http_api", production={"url": "https://crm.example/in", "token": "s3cr3t"}
    )


def errors_of(check, subject):
    with pytest.raises(ValidationError) as raised:
        check(subject)
    return raised.value.message_dict


def test_a_resource_in_order(http):
    validation.check_resource(http)


def test_only_installed_types(http):
    Extension.objects.update(installed_at=None)
    http.refresh_from_db()
    errors = errors_of(validation.check_resource, http)
    assert errors == {"type": ["The extension HTTP API is not installed."]}


def test_credentials_that_contradict_each_other(http):
    http.production = {**http.production, "username": "u", "password": "p"}
    assert "production" in errors_of(validation.check_resource, http)


def test_a_secret_does_not_follow_to_another_host(http):
    http.production = {**http.production, "url": "https://elsewhere.example/in"}
    assert errors_of(validation.check_resource, http) == {
        "production": ["The address leads to another host: enter token again."]
    }
    http.production = {"url": "https://elsewhere.example/in", "token": "another"}
    validation.check_resource(http)


def test_a_secret_stays_when_only_the_path_changes(http):
    http.production = {**http.production, "url": "https://crm.example/other"}
    validation.check_resource(http)


def test_every_part_of_a_destination(http):
    destination = Destination(
        name="d",
        resource=http,
        prerequisites="profile@a = ",
        mapping={"v": "profile@a..b"},
        settings={"method": "BREW"},
        tags="crm",
        use_test_credentials=True,
    )
    errors = errors_of(validation.check_destination, destination)
    assert set(errors) == {"prerequisites", "mapping", "settings", "tags", "use_test_credentials"}
    assert "^" in errors["prerequisites"][0]
    assert "$.v" in errors["mapping"][0]


def test_what_a_connector_cannot_do_is_refused_before_a_profile_leaves(resource):
    destination = Destination(name="d", resource=resource, on_leave="erase")
    validation.check_destination(destination)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("destinations.connectors.testing.RecordingConnector.operations", ("upsert", "remove"))
        assert errors_of(validation.check_destination, destination) == {
            "on_leave": ["With these settings Recording cannot do that; it can: keep, remove."]
        }
        destination.on_leave = "remove"
        validation.check_destination(destination)
    destination.on_leave = "vanish"
    assert "on_leave" in errors_of(validation.check_destination, destination)


@pytest.mark.parametrize("name", ["Transfer-Encoding", "content-length", "HOST", "Expect"])
def test_headers_of_the_connection_are_refused_where_they_are_entered(http, name):
    destination = Destination(name="d", resource=http, settings={"headers": {name: "chunked"}})
    [sentence] = errors_of(validation.check_destination, destination)["settings"]
    assert sentence.startswith(f"the header {'Host' if name == 'HOST' else name} cannot be set: ")
    http.production = {**http.production, "headers": {name: "chunked"}}
    assert errors_of(validation.check_resource, http) == {"production": [sentence]}


@pytest.mark.parametrize("url", ["https://crm.example/{{profile@id}}", "https://crm.example/?id=profile@id"])
def test_a_url_that_would_be_sent_as_it_stands_is_refused(http, url):
    http.production = {**http.production, "url": url}
    assert errors_of(validation.check_resource, http) == {
        "production": [
            "url holds {{ or profile@ and would be sent just so:"
            " only the mapping takes values from the profile"
        ]
    }
