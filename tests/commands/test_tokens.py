"""`tokens`: looking through the API tokens, rotating, revoking, giving; and what `check --deploy` says."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.utils import timezone

from tracsync.models import ApiToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def token():
    made, text = ApiToken.generate(
        "CRM", scopes=["profiles:read"], expires_at=timezone.now() + timedelta(days=9)
    )
    made.save()
    made.text = text
    return made


def run(*arguments):
    out = StringIO()
    call_command("tokens", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_list(token, make_destination):
    assert "create_token" in (ApiToken.objects.all().delete() and run())
    token.pk = None
    token.destination = make_destination("shop")
    token.save()
    said = run()
    for part in ("CRM", token.prefix, "nobody's", "used never", "profiles:read of shop"):
        assert part in said
    assert token.text not in said


def test_rotating(token):
    text = run("--rotate", "CRM", "--overlap-hours", "1")
    stored = ApiToken.objects.get()
    assert (stored.matches(text), stored.matches(token.text)) == (True, True)
    assert stored.previous_ends_at - timezone.now() <= timedelta(hours=1)
    with pytest.raises(CommandError, match="720 hours at most"):
        run("--rotate", "CRM", "--overlap-hours", "721")


def test_revoking(token):
    assert "does not work any more" in run("--revoke", "CRM")
    assert not ApiToken.objects.exists()


def test_giving(token, django_user_model):
    person = django_user_model.objects.create_user("ada")
    with pytest.raises(CommandError, match="ada may not do all that it may: profiles:read"):
        run("--give", "CRM", "ada")
    person.groups.add(Group.objects.get(name="Viewer"))
    run("--give", "CRM", "ada")
    assert ApiToken.objects.get().owner == person


@pytest.mark.parametrize("arguments", [["--rotate", "x"], ["--revoke", "x"], ["--give", "CRM", "nobody"]])
def test_what_is_not_there(token, arguments):
    with pytest.raises(CommandError, match=r"no API token named 'x'|nobody named 'nobody'"):
        run(*arguments)


@pytest.mark.parametrize("option", ["--source", "--destination", "--owner"])
def test_a_blank_one_is_no_other_than_all(option, db):
    """As of a variable that is not set: the token would do more than whoever makes it means."""
    with pytest.raises(CommandError):
        call_command("create_token", "shop", "--scope", "ingest", option, "")
    assert not ApiToken.objects.exists()
