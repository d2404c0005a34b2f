"""Several who save the same at once, on a SQLite file and on PostgreSQL: one is stored, the rest are told."""

import json

import pytest

from tests.harness import Installation, postgres_database

MADE = """
from destinations import configuration
from destinations.configuration.catalogue import install
from destinations.models import Destination, Resource
from tracsync.models import ApiToken
install("http_api")
resource = Resource(name="r", type_id="http_api", production={"url": "http://127.0.0.1:9/"})
configuration.save(resource)
configuration.save(Destination(name="d", resource=resource, mapping={"id": "profile@id"}))
token, text = ApiToken.generate("tests")
token.save()
print(text)
"""
RACE = """
import json, threading
from django.db import connections
from django.test import Client
from destinations.models import Destination, Resource
client = Client(headers={{"Authorization": "Bearer {token}", "Host": "127.0.0.1"}})
begin, answers = threading.Barrier(6), []
def patch(number):
    body = json.dumps({{"name": f"name {{number}}"}})
    headers = {{"If-Match": '"1"'}}
    begin.wait()
    try:
        answer = client.patch("/api/{kind}s/1/", body, content_type="application/json", headers=headers)
        answers.append((answer.status_code, f"name {{number}}", answer.json()))
    finally:
        connections.close_all()
threads = [threading.Thread(target=patch, args=(number,)) for number in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
stored = {model}.objects.get()
print(json.dumps([answers, stored.name, stored.revision]))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def installation(request, tmp_path):
    if request.param == "sqlite":
        made = Installation(tmp_path)
        yield made
        made.stop()
        return
    with postgres_database() as url:
        made = Installation(tmp_path, DATABASE_URL=url)
        yield made
        made.stop()


def test_of_many_at_once_one_is_stored(installation):
    token = installation.python(MADE).strip()
    for kind, model in (("destination", "Destination"), ("resource", "Resource")):
        code = RACE.format(token=token, kind=kind, model=model)
        answers, name, revision = json.loads(installation.python(code))
        assert sorted(status for status, _name, _body in answers) == [200, *[412] * 5]
        assert [asked for status, asked, _body in answers if status == 200] == [name]
        assert revision == 2
        told = next(body for status, _name, body in answers if status == 412)
        assert [edit["by"] for edit in told["edits"]] == ["API token tests"]
