"""Elasticsearch and OpenSearch: an index with external versions.

From: the documentation of the bulk and multi get APIs (items in order with a status each, version_type
external_gte, deletions of what is not there are no errors); clients of others for
`es_rejected_execution_exception` and `mapper_parsing_exception`. There is no server to be had here:
nothing was tried against a real one.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, ClassVar

from destinations.connectors.testing import SeenRequest
from destinations.connectors.testing.doubles.system import Answered, System, said

API_KEY = "a2V5LWlkOmtleS1zM2NyZXQ="
PASSWORD = "index-s3cret"


class Elasticsearch(System):
    slug = "elasticsearch"
    settings = {"index": "profiles"}
    mapping = {"mark": "profile@mark", "age": "profile@age"}
    authorization: ClassVar[str] = f"ApiKey {API_KEY}"

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"base_url": self.url, "api_key": API_KEY}
        self.wrong_credentials = {"base_url": self.url, "api_key": "YW5vdGhlcjprZXktczNjcmV0"}
        self.versions: dict[str, int] = {}

    def payload(self, number: int) -> Any:
        return {"email": f"person-{number}@x.example", f"only_{number}": number}

    def refused(self) -> Sequence[Any]:
        return [{"age": "ultramarine"}, {"name": "ultramarine \ud800"}]

    def changes(self, request: SeenRequest) -> bool:
        return request.method == "POST" and not request.path.endswith("_mget")

    def sent(self) -> Sequence[Any]:
        return [json.loads(line) for one in self.seen if self.changes(one) for line in _lines(one)]

    def received(self) -> Sequence[Any]:
        return [line for line in self.sent() if not {"index", "delete"} & line.keys()]

    def answer(self, request: SeenRequest) -> Answered:
        if not self.lets_in(request):
            return self.refusal(request)
        if request.path.endswith("/_mapping"):
            return self._mapping(request.path.split("/")[1])
        if request.path == "/_mget":
            return self._held(json.loads(request.body)["docs"])
        assert request.path == "/_bulk"
        assert request.headers["Content-Type"] == "application/x-ndjson"
        assert request.body.endswith(b"\n")
        return self.carried_out(
            request.method, request.path, "", [json.loads(one) for one in _lines(request)]
        )

    def lets_in(self, request: Any) -> bool:
        return bool(request.headers.get("Authorization") == self.authorization)

    def refusal(self, request: Any) -> Answered:
        told = f"unable to authenticate with {request.headers.get('Authorization')}"
        return said(401, {"error": {"type": "security_exception", "reason": told}, "status": 401})

    def carried_out(self, method: str, path: str, query: str, body: Any) -> Answered:
        lines = iter(body)
        items = []
        for line in lines:
            ((action, about),) = line.items()
            document = next(lines) if action == "index" else None
            items.append({action: {"_id": about["_id"], **self._done(about, document)}})
        has_errors = any("error" in told for item in items for told in item.values())
        return said(200, {"took": 3, "errors": has_errors, "items": items})

    def _done(self, about: Any, document: Any) -> Any:
        assert about["_index"] == "profiles"
        assert about["version_type"] == "external_gte"
        key, version = about["_id"], about["version"]
        if document is not None and not str(document.get("age", 1)).isdigit():
            told = f"failed to parse field [age] in document with id '{key}', value: {document['age']}"
            return {"status": 400, "error": {"type": "mapper_parsing_exception", "reason": told}}
        if version < self.versions.get(key, 0):
            told = f"[{key}]: version conflict, current version [{self.versions[key]}]"
            return {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": told}}
        self.versions[key] = version
        if document is None:
            return {"status": 200 if self.stored.pop(key, None) else 404}
        status = 200 if key in self.stored else 201
        self.stored[key] = document
        return {"status": status, "_version": version}

    def _mapping(self, index: str) -> Answered:
        if index != "profiles":
            return said(404, {"error": {"type": "index_not_found_exception"}, "status": 404})
        traits = {"properties": {"plan": {"type": "keyword"}}}
        return said(
            200, {index: {"mappings": {"properties": {"age": {"type": "integer"}, "traits": traits}}}}
        )

    def _held(self, wanted: Any) -> Answered:
        found = []
        for one in wanted:
            source = self.stored.get(one["_id"])
            found.append({**one, "found": source is not None, **({"_source": source} if source else {})})
        return said(200, {"docs": found})


class OpenSearch(Elasticsearch):
    slug = "opensearch"
    authorization = "Basic " + b64encode(f"tracsync:{PASSWORD}".encode()).decode()

    def __init__(self) -> None:
        super().__init__()
        self.credentials = {"base_url": self.url, "username": "tracsync", "password": PASSWORD}
        self.wrong_credentials = {**self.credentials, "password": "another-s3cret"}

    def refusal(self, request: Any) -> Answered:
        return 401, {"Content-Type": "text/plain"}, b"Unauthorized"


def _lines(request: SeenRequest) -> list[bytes]:
    return request.body.splitlines()
