"""What the tests of configurations as files share."""

import pytest

from destinations import configuration
from destinations.config_files import documents, exporting, importing, writing
from destinations.config_files.documents import Document
from destinations.config_files.importing import Options
from destinations.config_files.places import InvalidConfiguration
from destinations.config_files.references import Secrets
from destinations.configuration import catalogue, validation
from destinations.models import Destination, Resource

SECRETS = {
    "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_URL": "https://u:pa55-m4rk3r@news.example/api?key=query-m4rk3r",
    "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_TOKEN": "token-m4rk3r",
    "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_HEADERS_X_KEY": "header-m4rk3r",
    "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_SIGNING_SECRETS_0": "sign-m4rk3r-1",
    "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_SIGNING_SECRETS_1": "sign-m4rk3r-2",
    "TRACSYNC_SECRET_NEWSLETTER_TEST_TOKEN": "test-m4rk3r",
    "TRACSYNC_SECRET_BUSINESS_SETTINGS_COOKIES_SESSION": "cookie-m4rk3r",
}
MARKER = "m4rk3r"


@pytest.fixture
def newsletter(db):
    """A resource with secrets of every form, and a destination with what YAML could take for others."""
    catalogue.install("http_api")
    production = {
        "url": "https://news.example/api",
        "token": "token-m4rk3r",
        "headers": {"X-Key": "header-m4rk3r"},
        "signing_secrets": ["sign-m4rk3r-1", "sign-m4rk3r-2"],
    }
    resource = Resource(
        name="Newsletter",
        type_id="http_api",
        production=production,
        test={"url": "https://test.example/api", "token": "test-m4rk3r"},
        tags=["crm"],
        rate_limit=10,
    )
    validation.check_resource(resource)
    configuration.save(resource)
    destination = Destination(
        name="Business",
        description="Only business.\n\n  With a blank line, and ${nothing}.\n",
        resource=resource,
        prerequisites="profile@traits.n > 1\nAND profile@data.mail EXISTS",
        mapping={
            "id": "profile@id",
            "no": "1e5",
            "on": ["yes", "2026-01-01", "~", "0x1F", {"n": 1.5}],
            "": "",
        },
        settings={"method": "POST", "cookies": {"session": "cookie-m4rk3r"}, "headers": {"X-T": "a ${b} $c"}},
        quiet_period=0.5,
        on_leave="keep",
        enabled=False,
        tags=["a", "b"],
    )
    validation.check_destination(destination)
    configuration.save(destination)
    return resource


def read(text):
    """A configuration of YAML."""
    value, lines = documents.yaml_reader.read(text)
    return documents.gathered([Document("config.yaml", value, lines)])


def exported():
    return writing.dumped(exporting.configuration(), "yaml")


def options(secrets=SECRETS, **chosen):
    keep = chosen.pop("keep", False)
    return Options(Secrets(secrets, keep=keep), **chosen)


def plan(text, **chosen):
    return importing.plan(read(text), options(**chosen))


def apply(text, **chosen):
    return importing.apply(read(text), options(**chosen), None)


def refused(text, **chosen):
    """What is told of a configuration that cannot be used."""
    with pytest.raises(InvalidConfiguration) as refusal:
        plan(text, **chosen)
    return [str(problem) for problem in refusal.value.problems]


def differences(made):
    return {
        f"{step.slug}.{one.path}": (one.before, one.after)
        for step in made.changes
        for one in step.differences
    }
