"""Erasing and downloading: who may, by the API and in the admin; what is in the archive."""

import io
import json
import stat
import zipfile

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.urls import reverse

from destinations.connectors.base import Accepted, Exchange
from destinations.models import DeliveryAttempt
from profiles.models import Profile
from tests.api.conftest import mistakes
from tests.ticking import run_all
from tracsync.common.rest import scopes
from tracsync.models import ApiToken, Erasure

pytestmark = pytest.mark.django_db
ID = "ada/1"


@pytest.fixture
def sent(make_destination, recording, frozen, settings):
    settings.TRACSYNC_ATTEMPT_BODIES = "all"
    make_destination()
    Profile(document={"id": ID, "email": "ada@example.com"}).save()
    exchange = Exchange(request={"body": {"id": ID}}, response={"body": "ok"})
    recording.script(Accepted({"id": "4711"}, exchange=exchange))
    frozen.forward(20)
    run_all()


def opened(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def check(archive):
    assert set(archive) == {
        f"{name}.json" for name in ("profile", "syncs", "attempts", "findings", "log", "trail", "refused")
    }
    assert archive["profile.json"]["document"] == {"id": ID, "email": "ada@example.com"}
    [sync], [attempt] = archive["syncs.json"], archive["attempts.json"]
    assert (sync["destination"], sync["state"], sync["remote"]) == ("crm", "synced", {"id": "4711"})
    assert (attempt["request"], attempt["response"]) == ({"body": {"id": ID}}, {"body": "ok"})


def test_the_api_erases_and_tells_how_far_it_is(api, sent):
    refused = api.post("/api/v1/erasures/", {"profile": "nobody"})
    assert (refused.status_code, mistakes(refused)) == (400, {"profile": ["there is no such profile"]})
    begun = api.post("/api/v1/erasures/", {"profile": ID})
    assert begun.status_code == 202
    [step] = begun.json()["steps"]
    assert (step["state"], "delete the record 4711 there" in step["to_do"]) == ("waiting", True)
    address = f"/api/v1/erasures/{begun.json()['id']}/"
    assert [one["id"] for one in api.get("/api/v1/erasures/?finished=false").json()["results"]] == [
        begun.json()["id"]
    ]
    run_all()
    [listed] = api.get("/api/v1/erasures/?finished=true").json()["results"]  # nobody has looked at it before
    assert (listed["id"], listed["steps"][0]["state"]) == (begun.json()["id"], "done")
    assert api.get("/api/v1/erasures/?finished=false").json()["results"] == []
    ended = api.get(address)
    assert (ended.json()["steps"][0]["state"], ended.json()["finished_at"] is not None) == ("done", True)
    assert ID not in ended.content.decode()
    assert api.post(f"{address}finish/").json()["closed_by"] == ""
    editor = get_user_model().objects.create_user("editor")
    editor.groups.add(Group.objects.get(name="Editor"))
    ApiToken.objects.update(owner=editor)
    assert api.get("/api/v1/profiles/").status_code == 200
    assert api.post("/api/v1/erasures/", {"profile": ID}).status_code == 403  # no more than its owner may
    assert api.get("/api/v1/person-export/?profile=ada%2F1").status_code == 403
    ApiToken.objects.update(owner=None, scopes=[*scopes.READS])
    assert api.post("/api/v1/erasures/", {"profile": ID}).status_code == 403
    assert api.get("/api/v1/erasures/nonsense/").status_code == 404


def test_the_api_and_the_command_give_all_that_is_known(api, sent, tmp_path):
    answer = api.get("/api/v1/person-export/?profile=ada%2F1")
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/zip", "no-store")
    check(opened(answer.content))
    assert api.get("/api/v1/person-export/?profile=nobody").status_code == 400
    file = tmp_path / "ada.zip"
    call_command("export_person", ID, str(file))
    check(opened(file.read_bytes()))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="File exists"):
        call_command("export_person", ID, str(file))


def test_the_admin_downloads_and_erases_for_whoever_may(allow, client, sent):
    page = reverse("admin:profiles_profile_change", args=["ada_2F1"])
    add, list_ = reverse("admin:tracsync_erasure_add"), reverse("admin:tracsync_erasure_changelist")
    download = f"{reverse('admin:tracsync_erasure_download')}?profile=ada%2F1"
    allow("profiles.view_profile", "profiles.change_profile")
    assert b"Erase everywhere" not in client.get(page).content
    assert {client.get(one).status_code for one in (add, list_, download)} == {403}
    allow("tracsync.erase_person", "tracsync.export_person")
    shown = client.get(page).content.decode()
    assert f'href="{add}?profile=ada%2F1"' in shown
    assert f'href="{download}"' in shown
    check(opened(client.get(download).content))
    form = client.get(f"{add}?profile=ada%2F1").content.decode()
    assert all(
        text in form for text in ('value="ada/1"', "<h1>Erase a person</h1>", ">Erase everywhere</button>")
    )
    assert "Save" not in form.partition("<main")[2]
    unsure = client.post(add, {"profile": ID})
    assert (unsure.status_code, Profile.objects.filter(pk=ID).exists()) == (200, True)
    assert b"there is no such profile" in client.post(add, {"profile": "nobody", "sure": "on"}).content
    begun = client.post(add, {"profile": ID, "sure": "on"}, follow=True).content.decode()
    assert "If it is off, paused or never answers: delete the record 4711" in begun
    erasure = Erasure.objects.get()
    finish = reverse("admin:tracsync_erasure_finish", args=[erasure.pk])
    assert "nobody can look it up" in client.post(finish).content.decode()
    ended = client.post(finish, {"confirmed": "yes"}, follow=True).content.decode()
    assert "done by hand" in ended
    assert ID not in ended
    assert not DeliveryAttempt.objects.exists()
    assert ID not in client.get(list_).content.decode()
