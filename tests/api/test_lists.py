"""Lists are looked through by slug, name and search, and ordered."""

import pytest

from destinations.models import Backfill, ProfileSync
from profiles.changes import Change, write
from tests.api.conftest import wrong
from tracsync.models import NoticeChannel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rows(make_destination, make_resource):
    for name in ("B two", "a one", "C three"):
        Backfill.request(make_destination(name))
        make_resource(name)
        NoticeChannel.objects.create(name=name, kind="email", recipients=["o@x.org"])


def names(api, address, field="name"):
    """Over all pages, one row each."""
    found, next = [], f"{address}{'&' if '?' in address else '?'}page_size=1"
    while next:
        answer = api.get(next)
        assert answer.status_code == 200, answer.content
        found += [row[field] for row in answer.json()["results"]]
        next = answer.json()["next"]
    return found


@pytest.mark.parametrize("kind", ["destinations", "resources", "notice-channels"])
def test_by_name_search_and_order(api, kind):
    place = f"/api/v1/{kind}/"
    assert names(api, f"{place}?name=a one") == ["a one"]
    assert names(api, f"{place}?search=T") == ["B two", "C three"]
    backwards = names(api, f"{place}?ordering=-name")
    assert sorted(backwards) == sorted({*names(api, place)})
    assert names(api, f"{place}?ordering=name") == backwards[::-1]
    assert names(api, f"{place}?ordering=-created_at") == names(api, f"{place}?ordering=id")[::-1]
    assert wrong(api.get(f"{place}?ordering=secrets")) == ["ordering"]


@pytest.mark.parametrize("kind", ["destinations", "resources"])
def test_by_slug(api, kind):
    assert names(api, f"/api/v1/{kind}/?slug=a-one") == ["a one"]
    assert names(api, f"/api/v1/{kind}/?search=c-thr") == ["C three"]


def test_what_belongs_to_a_destination_by_its_slug(api):
    assert names(api, "/api/v1/destinations/?resource=memory") == ["B two", "a one", "C three"]
    [one] = names(api, "/api/v1/backfills/?destination=a-one", "id")
    assert names(api, "/api/v1/backfills/?search=ONE", "id") == [one]
    assert names(api, "/api/v1/backfills/?ordering=id", "id") == [one - 1, one, one + 1]
    assert names(api, "/api/v1/backfills/?destination=nothing", "id") == []


def test_profiles_and_their_syncs(api, make_destination):
    people = (("p1", "Sabine Müller", "sabine@x.example"), ("p2", "Ida", "ida@x.example"))
    write([Change(id, "put", {"id": id, "name": name, "email": email}) for id, name, email in people])
    for id, *_rest in people:
        ProfileSync.objects.create(profile_id=id, destination=make_destination(id))
    assert names(api, "/api/v1/profiles/?email=IDA@x.example", "id") == ["p2"]
    assert names(api, "/api/v1/profiles/?email=ida", "id") == []
    assert names(api, "/api/v1/profiles/?ordering=-id", "id") == ["p2", "p1"]
    assert sorted(names(api, "/api/v1/profiles/?ordering=changed_at", "id")) == ["p1", "p2"]
    assert names(api, "/api/v1/syncs/?search=müller", "profile") == ["p1"]
    assert names(api, "/api/v1/syncs/?ordering=-profile", "profile") == ["p2", "p1"]


@pytest.mark.parametrize(
    ("address", "parameter"),
    [
        ("destinations/?name=", "name"),
        ("destinations/?search=a&search=b", "search"),
        ("profiles/?email=", "email"),
        ("resources/?tpye=x", "tpye"),
        ("notice-limits/?x=1", "x"),
        ("destinations/a-one/backfills/?state=running", "state"),
        ("destinations/a-one/versions/?ordering=id", "ordering"),
        ("extensions/?cursor=", "cursor"),
    ],
)
def test_blank_and_unknown_parameters_are_refused(api, address, parameter):
    answer = api.get(f"/api/v1/{address}")
    assert (answer.status_code, wrong(answer)) == (400, [parameter])
