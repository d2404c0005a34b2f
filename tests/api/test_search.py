"""?search= of profiles and destinations."""

from urllib.parse import urlencode

import pytest

from profiles.changes import Change, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people(db):
    write(
        [
            Change(id, "put", {"id": id, "name": name})
            for id, name in (("c-1", "Sabine Müller"), ("c-2", "Ida"))
        ]
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mul", ["c-1"]),
        ("SAB mue", ["c-1"]),
        ("c-", ["c-1", "c-2"]),
        ("zed", []),
        ("%", []),
        ("x" * 5000, []),
    ],
)
def test_profiles_are_searched(api, text, found):
    answer = api.get(f"/api/v1/profiles/?{urlencode({'search': text})}").json()
    assert [one["id"] for one in answer["results"]] == found


def test_both_filters_are_in_the_schema(api):
    paths = api.get("/api/v1/schema/?format=json").json()["paths"]
    for path in ("/api/v1/profiles/", "/api/v1/destinations/"):
        assert "search" in {one["name"] for one in paths[path]["get"]["parameters"]}
