"""Saying which source profiles come from."""

import io

import pytest
from django.core.management import CommandError, call_command

from profiles.models import Profile
from tracsync.common import trail
from tracsync.models import TrailEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def profiles(make_profile, monkeypatch):
    monkeypatch.setattr("profiles.management.commands.set_source.BATCH_SIZE", 2)
    for id in ("shop-1", "shop-2", "shop-3", "Shop-4", "crm-1"):
        make_profile(id)


def set_source(*words):
    said = io.StringIO()
    call_command("set_source", *words, stdout=said)
    return said.getvalue().strip()


def of(source):
    return [*Profile.objects.filter(source=source).order_by("pk").values_list("pk", flat=True)]


def test_by_how_ids_begin(profiles):
    before = [*Profile.objects.values_list("pk", "version", "changed_at")]
    assert set_source("shop", "--begins-with", "shop-") == "3 profiles are of the source shop now."
    assert of("shop") == ["shop-1", "shop-2", "shop-3"]
    assert [*Profile.objects.values_list("pk", "version", "changed_at")] == before, "nothing is to be sent"


def test_those_of_none_or_of_another(profiles):
    set_source("shop", "--begins-with", "shop-")
    assert set_source("crm", "--of", "-") == "2 profiles are of the source crm now."
    assert set_source("-", "--of", "shop") == "3 profiles are of no source now."
    assert (of("crm"), of("shop"), len(of(""))) == (["Shop-4", "crm-1"], [], 3)


def test_by_a_file_that_names_some_who_are_not_there(profiles, tmp_path, monkeypatch):
    file = tmp_path / "ids"
    file.write_text("\ufeffshop-1\r\n\nnobody\ncrm-1\n", encoding="utf-8")
    with pytest.raises(CommandError, match="1 ids have no profile"):
        set_source("mine", "--ids", str(file))
    assert of("mine") == ["crm-1", "shop-1"]
    monkeypatch.setattr("sys.stdin", io.StringIO("shop-2\n"))
    assert set_source("mine", "--ids", "-") == "1 profiles are of the source mine now."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["My Shop", "--of", "-"], "small letters"),
        (["shop", "--of", "My Shop"], "small letters"),
        (["shop", "--ids", "/nowhere/ids"], "/nowhere/ids cannot be read"),
        (["shop"], "required"),
        (["shop", "--begins-with", ""], "all profiles"),
    ],
)
def test_what_cannot_be_done_is_said(profiles, words, said):
    with pytest.raises(CommandError, match=said):
        set_source(*words)
    assert of("shop") == []


def test_what_was_done_before_a_file_breaks_off_is_in_the_trail(profiles, tmp_path):
    file = tmp_path / "ids"
    # Behind what is read at once, so that the first ids are worked on before.
    file.write_bytes(b"shop-1\nshop-2\n" + b"x\n" * 10_000 + b"\xff\n")
    with trail.acting(trail.shell("set_source")), pytest.raises(CommandError, match="cannot be read"):
        set_source("mine", "--ids", str(file))
    assert of("mine") == ["shop-1", "shop-2"]
    assert [entry.object for entry in TrailEntry.objects.all()] == ["2 profiles"]
