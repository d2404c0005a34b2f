"""Secrets in files: filled in, kept, removed, never in clear, and never following to another place."""

import re
from pathlib import Path

import pytest

from destinations.config_files.references import Secrets, is_own
from destinations.models import Destination, Resource
from tests.config_files.conftest import MARKER, SECRETS, apply, differences, exported, plan, refused
from tracsync import settings as settings_module

pytestmark = pytest.mark.django_db

TOKEN = "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_TOKEN"


def production(text):
    return f"tracsync: 1\nresources: {{newsletter: {{credentials: {{production: {text}}}}}}}"


URL = "url: 'https://news.example/api'"


def test_a_reference_that_leads_nowhere(newsletter):
    secrets = {name: value for name, value in SECRETS.items() if name != TOKEN}
    (problem,) = refused(exported(), secrets=secrets)
    assert problem.endswith(
        f"resources.newsletter.credentials.production.token: ${{{TOKEN}}} is not set in the environment:"
        " set it, or keep what is stored (--keep-secrets; keep_secrets in the API)"
    )
    assert not plan(exported(), secrets=secrets, keep=True).changes
    assert refused(exported(), secrets={**SECRETS, TOKEN: ""})  # as CI has it where nobody set one


def test_another_secret_is_told_and_not_shown(newsletter):
    planned = plan(exported(), secrets={**SECRETS, TOKEN: "an0ther"})
    assert differences(planned) == {"newsletter.credentials.production.token": ("********", "********")}
    assert [one.secret for one in planned.changes[0].differences] == [True]
    assert "an0ther" not in str(planned.as_json())
    apply(exported(), secrets={**SECRETS, TOKEN: "an0ther"})
    assert Resource.objects.get().production["token"] == "an0ther"


def test_what_is_left_out_stays_and_null_removes(newsletter):
    apply(production(f"{{{URL}}}"))
    stored = Resource.objects.get().production
    assert stored["token"] == "token-m4rk3r"
    assert stored["signing_secrets"] == ["sign-m4rk3r-1", "sign-m4rk3r-2"]
    assert "headers" not in stored
    apply(production(f"{{{URL}, token: null, signing_secrets: null}}"))
    assert Resource.objects.get().production == {"url": "https://news.example/api"}


def test_a_whole_set_is_removed(newsletter):
    apply("tracsync: 1\nresources: {newsletter: {credentials: {test: null}}}")
    row = Resource.objects.get()
    assert (row.test, row.production) == ({}, newsletter.production)


@pytest.mark.parametrize("keeps", ["left out", "kept"])
def test_a_secret_does_not_follow_to_another_place(newsletter, keeps):
    token = "" if keeps == "left out" else f", token: '${{{TOKEN}}}'"
    text = production(f"{{url: 'https://evil.example/'{token}}}")
    (problem,) = refused(text, secrets={}, keep=True)
    assert "resources.newsletter.credentials.production: The address leads to another host: enter" in problem
    assert MARKER not in problem
    entered = production(f"{{url: 'https://new.example/', token: '${{{TOKEN}}}', signing_secrets: null}}")
    newsletter.destinations.all().delete()  # its settings hold a secret that would follow, too
    apply(entered)
    assert Resource.objects.get().production["url"] == "https://new.example/"


def test_a_secret_in_clear_is_refused_and_not_repeated(newsletter):
    text = production(f"{{{URL}, token: pl4in, headers: {{X-Key: pl4in}}}}")
    problems = refused(text)
    assert [problem.split(": ")[0] for problem in problems] == [
        "config.yaml, line 2, resources.newsletter.credentials.production.token",
        "config.yaml, line 2, resources.newsletter.credentials.production.headers.X-Key",
    ]
    assert "pl4in" not in str(problems)
    assert "in clear" in problems[0]


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("https://news.example/api?format=json", False),
        ("https://u:pl4in@news.example/api", True),
        ("https://news.example/api?api_key=pl4in", True),
        ("https://u:${PASSWORD}@news.example/api", False),
    ],
)
def test_addresses_with_secrets(newsletter, url, is_refused):
    text = production(f"{{url: '{url}', token: null, signing_secrets: null}}")
    if is_refused:
        assert any("in clear" in problem for problem in refused(text))
    else:
        apply(text, secrets={"PASSWORD": "p%40ss"})
        assert Resource.objects.get().production["url"] == url.replace("${PASSWORD}", "p%40ss")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Bearer ${A}-${B}", "Bearer 1-2"),
        ("$${A}", "${A}"),
        ("$${", "${"),
        ("$A $", "$A $"),
        ("$$${A}", "$${A}"),
    ],
)
def test_references_within_a_text(text, filled):
    found = Secrets({"A": "1", "B": "2"}).fill({}, {"x": text}, {})
    assert (found.value, found.problems) == ({"x": filled}, [])


@pytest.mark.parametrize("text", ["${", "${a-b}", "${}", "${A", "${1}"])
def test_what_is_half_a_reference(text):
    found = Secrets({"A": "1"}).fill({}, {"x": text}, {})
    assert [path for path, _sentence in found.problems] == [("x",)]


SETTINGS = Path(settings_module.__file__).read_text(encoding="utf-8")
READ = sorted(set(re.findall(r'env\.\w+\(\s*"(\w+)"', SETTINGS)))


def test_what_settings_are_read_from_is_this_installations_own():
    assert {"SECRET_KEY", "TRACSYNC_ENCRYPTION_KEYS", "EMAIL_URL"} <= set(READ)
    assert [name for name in READ if not is_own(name)] == []


@pytest.mark.parametrize("name", ["SECRET_KEY", "TRACSYNC_ENCRYPTION_KEYS", "EMAIL_URL"])
def test_what_opens_this_installation_goes_nowhere(newsletter, name):
    problems = refused(production(f"{{{URL}, token: '${{{name}}}'}}"), secrets={name: "0wn"})
    assert "this installation's own" in problems[0]
    assert "0wn" not in str(problems)


def test_references_are_nothing_outside_credentials_and_settings(newsletter):
    apply("tracsync: 1\ndestinations: {business: {description: '${TOKEN}', mapping: {a: '${TOKEN}'}}}")
    row = Destination.objects.get()
    assert (row.description, row.mapping) == ("${TOKEN}", {"a": "${TOKEN}"})


def test_what_no_key_opens_any_more_can_be_given_again(newsletter, settings):
    from cryptography.fernet import Fernet

    text = exported()
    settings.TRACSYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert any("nothing is stored" in problem for problem in refused(text, secrets={}, keep=True))
    apply(text)
    assert Resource.objects.get().production == newsletter.production
