"""Commands take an e-mail address where one profile has it; and all profiles are indexed by a command."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from destinations.management import finding
from profiles.changes import Change, write
from profiles.models import Profile
from profiles.search.models import IndexJob, SearchWord

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people(db):
    emails = {"c-1": "sabine@example.com", "c-2": "both@example.com", "c-3": "BOTH@example.com"}
    write([Change(id, "put", {"id": id, "email": email}) for id, email in emails.items()])
    write([Change("odd@example.com", "put", {"id": "odd@example.com"})])


def test_by_the_address_that_one_profile_has():
    assert finding.profile("Sabine@Example.com").pk == "c-1"
    assert finding.profile("c-1").pk == "c-1"
    assert finding.profile("odd@example.com").pk == "odd@example.com", "an id is an id"


def test_an_address_that_several_have_names_their_ids():
    with pytest.raises(CommandError, match=r"Several profiles .* c-2, c-3"):
        finding.profile("both@example.com")


@pytest.mark.parametrize("text", ["nobody@example.com", "sabine@", "@example.com", "nobody", "%@%"])
def test_who_is_not_there(text):
    with pytest.raises(CommandError, match="There is no profile"):
        finding.profile(text)


def test_index_profiles(settings):
    SearchWord.objects.all().delete()
    out = StringIO()
    call_command("index_profiles", stdout=out)
    assert "4 of 4 profiles indexed" in out.getvalue()
    assert SearchWord.objects.filter(word="sabine").exists()
    settings.TRACSYNC_EMAIL_PATHS = []
    call_command("index_profiles", stdout=out)
    assert not SearchWord.objects.exists()
    assert not Profile.objects.exclude(email="").exists()
    assert IndexJob.objects.count() == 2
