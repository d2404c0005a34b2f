"""What the tests of the API share."""

import pytest
from django.core import signals
from django.db import close_old_connections
from rest_framework.test import APIClient

from tracsync.models import ApiToken


def client_with(**fields):
    token, text = ApiToken.generate("tests", **fields)
    token.save()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    client.raise_request_exception = False  # a failure is an answer, and never the one that is expected
    return client


def mistakes(response):
    """The sentences of a problem by their places: pointers into the body, or parameters; "" is all of it."""
    assert response["Content-Type"] == "application/problem+json"
    found = {}
    for one in response.json()["errors"]:
        place = one["pointer"].removeprefix("#").removeprefix("/") if "pointer" in one else one["parameter"]
        found.setdefault(place, []).append(one["detail"])
    return found


def wrong(response):
    """The fields that something is wrong with, or within."""
    return [*dict.fromkeys(place.partition("/")[0] for place in mistakes(response))]


@pytest.fixture
def api(db):
    return Api(client_with())


@pytest.fixture
def connection_stays():
    """For requests that no client of Django's makes: they would close the connection of the test."""
    requests = (signals.request_started, signals.request_finished)
    for signal in requests:
        signal.disconnect(close_old_connections)
    yield
    for signal in requests:
        signal.connect(close_old_connections)


class Api:
    """Sends JSON, or text as it is, and answers responses."""

    def __init__(self, client):
        self.client = client

    def __call__(self, method, path, body=None, type="application/json", **headers):
        import json

        data = body if isinstance(body, str | bytes) else json.dumps(body)
        options = {} if body is None else {"data": data, "content_type": type}
        response = self.client.generic(method, path, headers=headers, **options)
        assert response.status_code < 500, response.content
        return response

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)

    def put(self, path, body=None, **headers):
        return self("PUT", path, body, **headers)

    def patch(self, path, body=None, **headers):
        return self("PATCH", path, body, **headers)

    def delete(self, path, **headers):
        return self("DELETE", path, **headers)
