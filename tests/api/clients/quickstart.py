"""The quick start with a client that was generated from the description: run and type-checked by a test."""

from tracsync_client import AuthenticatedClient
from tracsync_client.api.destinations import destinations_create, destinations_preview
from tracsync_client.api.extensions import extensions_install
from tracsync_client.api.profiles import profiles_retrieve, profiles_update
from tracsync_client.api.resources import resources_create
from tracsync_client.models import (
    CredentialsRequest,
    Destination,
    DestinationRequest,
    Extension,
    Preview,
    Problem,
    Profile,
    ProfileRequest,
    Resource,
    ResourceRequest,
    TryProfileRequest,
)


def run(client: AuthenticatedClient) -> None:
    installed = extensions_install.sync(slug="http_api", client=client)
    assert isinstance(installed, Extension)
    assert installed.installed

    credentials = CredentialsRequest.from_dict({"production": {"url": "https://shop.example.org/customers"}})
    body = ResourceRequest(name="Shop", type_="http_api", credentials=credentials)
    resource = resources_create.sync(client=client, body=body)
    assert isinstance(resource, Resource)

    mapping = {"id": "profile@id", "visits": "profile@stats.visits"}
    wanted = DestinationRequest(name="Customers", resource=resource.id, mapping=mapping)
    destination = destinations_create.sync(client=client, body=wanted)
    assert isinstance(destination, Destination)

    document = ProfileRequest.from_dict({"id": "ada", "stats": {"visits": 3}})
    stored = profiles_update.sync_detailed(id="ada", client=client, body=document)
    assert isinstance(stored.parsed, Profile)
    assert stored.status_code == 201

    asked = TryProfileRequest(profile="ada")
    preview = destinations_preview.sync(id=destination.id, client=client, body=asked)
    assert isinstance(preview, Preview)
    assert preview.payload == {"id": "ada", "visits": 3}

    missing = profiles_retrieve.sync(id="bob", client=client)
    assert isinstance(missing, Problem)
    assert (missing.status, missing.code) == (404, "not_found")

    wanted.name, wanted.mapping = "Others", {"id": "{{profile@"}
    refused = destinations_create.sync(client=client, body=wanted)
    assert isinstance(refused, Problem)
    assert refused.errors
    assert "#/mapping/id" in [one.pointer for one in refused.errors]

    stale = profiles_update.sync(id="ada", client=client, body=document, if_match='"1-0"')
    assert isinstance(stale, Problem)
    assert stale.code == "precondition_failed"
