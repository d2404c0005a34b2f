"""What the tests of the API share."""

import pytest
from rest_framework.test import APIClient

from tracsync.models import ApiToken


def client_with(**fields):
    token, text = ApiToken.generate("tests", **fields)
    token.save()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    client.raise_request_exception = False  # a failure is an answer, and never the one that is expected
    return client


@pytest.fixture
def api(db):
    return Api(client_with())


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
