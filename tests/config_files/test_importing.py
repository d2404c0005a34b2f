"""What is planned is what is done: field by field, as a whole, once, with the same checks as everywhere."""

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from destinations import configuration
from destinations.config_files import importing
from destinations.config_files.importing import Outdated
from destinations.configuration.history import Author
from destinations.models import Destination, DestinationVersion, Extension, Resource
from profiles.models import Profile
from tests.config_files.conftest import (
    SECRETS,
    apply,
    differences,
    exported,
    options,
    plan,
    read,
    refused,
)

pytestmark = pytest.mark.django_db

TOKEN = "TRACSYNC_SECRET_NEWSLETTER_PRODUCTION_TOKEN"
QUEUE = """
tracsync: 1
resources:
  queue:
    name: Queue
    type: rabbitmq
    credentials:
      production: {uri: '${QUEUE_URI}'}
destinations:
  all:
    name: All
    resource: queue
    mapping: {id: profile@id}
    settings: {queue: {name: q, routing_key: q}}
"""
URI = {"QUEUE_URI": "amqp://u:p@mq.example/"}


def test_field_by_field(newsletter):
    text = exported()
    for old, new in (
        ("method: POST", "method: PUT"),
        ("id: profile@id", "key: profile@id"),
        ("quiet_period: 0.5", "quiet_period: 2"),
        ("https://test.example/api", "https://test.example/v2"),
        ("rate_limit: 10", "rate_limit: 20"),
    ):
        assert old in text
        text = text.replace(old, new)
    planned = plan(text)
    assert differences(planned) == {
        "newsletter.rate_limit": (10, 20),
        "newsletter.credentials.test.url": ("https://test.example/api", "https://test.example/v2"),
        "business.mapping.id": ("profile@id", None),
        "business.mapping.key": (None, "profile@id"),
        "business.quiet_period": (0.5, 2),
        "business.settings.method": ("POST", "PUT"),
    }
    assert [step.reshapes for step in planned.changes] == [False, True]
    assert plan(exported()).changes == []  # nothing was changed
    done = apply(text)
    assert done.fingerprint == planned.fingerprint
    assert Destination.objects.get().settings["method"] == "PUT"
    assert apply(text).changes == []


def test_only_what_is_said_changes(newsletter):
    apply("tracsync: 1\ndestinations: {business: {quiet_period: 9}}")
    row = Destination.objects.get()
    assert (row.quiet_period, row.enabled, row.tags) == (9, False, ["a", "b"])
    assert row.settings["cookies"] == {"session": "cookie-m4rk3r"}
    assert Resource.objects.get().production == newsletter.production


def test_the_history_and_the_revision(newsletter):
    before = Destination.objects.get().revision
    by = Author("ann")
    importing.apply(read("tracsync: 1\ndestinations: {business: {quiet_period: 9}}"), options(), by)
    newest = DestinationVersion.objects.first()
    assert (newest.by, newest.content["quiet_period"]) == ("ann", 9)
    assert Destination.objects.get().revision == before + 1
    importing.apply(read("tracsync: 1\nresources: {newsletter: {tags: [x]}}"), options(), by)
    assert Resource.objects.get().edits[-1]["by"] == "ann"


def test_a_new_destination_at_a_new_resource():
    Extension.objects.update(installed_at=None)
    planned = plan(QUEUE, secrets=URI)
    assert planned.installs == ["rabbitmq"]
    assert not Resource.objects.exists()
    assert not Extension.objects.exclude(installed_at=None).exists()
    apply(QUEUE, secrets=URI)
    assert Resource.objects.get().production["uri"] == URI["QUEUE_URI"]
    assert Destination.objects.get().resource.slug == "queue"


def test_how_many_profiles(newsletter, make_profile):
    for n in range(6):
        make_profile(f"p{n}", traits={"n": n}, data={"mail": "x"})
    text = "tracsync: 1\ndestinations: {business: {prerequisites: profile@traits.n > 3}}"
    (step,) = plan(text).changes
    (reach,) = step.reach
    numbers = {name: str(number) for name, number in reach.numbers.items()}
    assert numbers == {"meet": "2", "start": "0", "stop": "2", "sent": "2"}
    assert Profile.objects.count() == 6


def test_how_many_profiles_at_another_address(newsletter, make_profile):
    make_profile("p", traits={"n": 5}, data={"mail": "x"})
    Destination.objects.update(settings={})  # a secret of its own would have to be entered again
    text = exported().replace("https://news.example/api", "https://other.example/api")
    (step,) = plan(text).changes
    assert [(one.destination, str(one.numbers["sent"])) for one in step.reach] == [("business", "1")]


def test_how_many_profiles_of_a_destination_that_no_key_opens(newsletter):
    text = exported().replace("https://news.example/api", "https://other.example/api")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE destinations_destination SET settings = 'x'")
    (step,) = plan(text.partition("destinations:")[0]).changes
    assert [(one.destination, one.numbers) for one in step.reach] == [("business", {})]
    assert "cannot be decrypted" in step.reach[0].unknown


def test_prune(newsletter):
    apply(QUEUE, secrets=URI)
    with CaptureQueriesContext(connection) as queries:
        planned = plan(QUEUE, secrets=URI, prune=True)
    assert [(step.action, step.kind, step.slug) for step in planned.changes] == [
        ("delete", "destinations", "business"),
        ("delete", "resources", "newsletter"),
    ]
    assert not [
        one["sql"] for one in queries if one["sql"].startswith("DELETE") and "profilesync" in one["sql"]
    ]
    assert Destination.objects.count() == 2
    apply(QUEUE, secrets=URI, prune=True)
    assert [one.slug for one in Destination.objects.all()] == ["all"]
    assert [one.slug for one in Resource.objects.all()] == ["queue"]


def test_prune_only_deletes_of_kinds_that_the_files_have(newsletter):
    apply(QUEUE, secrets=URI)
    only_destinations = "tracsync: 1\ndestinations: {all: {tags: []}}"
    apply(only_destinations, prune=True)
    assert (Destination.objects.count(), Resource.objects.count()) == (1, 2)
    assert refused("tracsync: 1\nresources: {}", prune=True) == [
        "the configuration: the resource queue cannot be deleted: all use it"
    ]


def test_a_slug_is_renamed(newsletter):
    pk = Destination.objects.get().pk
    text = "tracsync: 1\ndestinations: {companies: {renamed_from: business, tags: []}}"
    assert differences(plan(text, prune=True))["companies.slug"] == ("business", "companies")
    apply(text, prune=True)
    assert [(one.pk, one.slug) for one in Destination.objects.all()] == [(pk, "companies")]
    assert apply(text, prune=True).changes == []
    newest = DestinationVersion.objects.first()
    assert newest.content["slug"] == "companies"


def test_a_resource_is_renamed_with_its_destination(newsletter):
    text = exported().replace("  newsletter:\n", "  letters:\n    renamed_from: newsletter\n")
    text = text.replace("resource: newsletter", "resource: letters")
    apply(text)
    assert Destination.objects.get().resource.slug == Resource.objects.get().slug == "letters"


def test_a_name_that_another_has(newsletter):
    text = (
        "tracsync: 1\nresources: {other: {name: Newsletter, type: http_api, credentials: {production: {}}}}"
    )
    problems = refused(text)
    assert any("resources.other.name: Resource with this Name already exists." in one for one in problems)


def test_mistakes_and_where_they_are(newsletter):
    text = """tracsync: 1
other: 1
resources:
  Newsletter: {}
  new:
    name: New
  newsletter:
    type: http-api
destinations:
  business:
    quiet_perod: 1
    enabled: yes
    tags: x
    max_wait: true
  third:
    name: Third
    resource: nowhere
  fourth:
    name: ''
    resource: newsletter
    prerequisites: profile@
    mapping: {a: "`profile@x y`"}
    settings: {method: FETCH, tokens: 1}
    rate_period: year
"""
    assert refused(text) == [
        "config.yaml, line 2, other: there is no such key: known are tracsync, resources, destinations"
    ]
    problems = refused(text.replace("other: 1\n", ""))
    told = dict(problem.split(": ", 1) for problem in problems)
    business = "destinations.business"
    assert told[f"config.yaml, line 10, {business}.quiet_perod"] == (
        "there is no such key: is quiet_period meant?"
    )
    assert told[f"config.yaml, line 11, {business}.enabled"] == "this must be true or false, not text"
    assert told[f"config.yaml, line 13, {business}.max_wait"] == "this must be a number, not true or false"
    assert told["config.yaml, line 16, destinations.third.resource"] == (
        "there is no resource with the slug nowhere, neither here nor in the files"
    )
    assert told["config.yaml, line 7, resources.newsletter.type"] == (
        "there is no such extension: is http_api meant?"
    )
    assert told["config.yaml, line 4, resources.new"].startswith("a new resource needs a type")
    assert "Small letters" in told["config.yaml, line 3, resources.Newsletter"]
    assert not any("fourth" in place for place in told)  # its resource comes first
    assert Destination.objects.count() == 1


def test_what_the_admin_would_refuse(newsletter):
    text = """tracsync: 1
destinations:
  fourth:
    name: ''
    resource: newsletter
    prerequisites: profile@
    settings: {method: FETCH, other: 1}
    rate_period: year
    tags: x
    quiet_period: -1
"""
    places = {problem.split(": ", 1)[0] for problem in refused(text)}
    assert places == {
        f"config.yaml, line {line}, destinations.fourth.{name}"
        for line, name in (
            (4, "name"),
            (6, "prerequisites"),
            (7, "settings"),
            (8, "rate_period"),
            (9, "tags"),
            (10, "quiet_period"),
        )
    }


def test_all_or_nothing(newsletter, monkeypatch):
    saved = configuration.save

    def broken(row, **options):
        if isinstance(row, Destination):
            raise IntegrityError("somebody was faster: token-m4rk3r")
        saved(row, **options)

    monkeypatch.setattr(configuration, "save", broken)
    text = exported().replace("rate_limit: 10", "rate_limit: 20").replace("method: POST", "method: PUT")
    with pytest.raises(Outdated):
        apply(text)
    assert Resource.objects.get().rate_limit == 10


def test_an_edit_between_plan_and_apply(newsletter):
    text = "tracsync: 1\ndestinations: {business: {quiet_period: 9}}"
    planned = plan(text)
    row = Destination.objects.get()
    row.description = "edited in the admin"
    configuration.save(row, by=Author("bob"))
    with pytest.raises(Outdated, match="plan again"):
        apply(text, expected=planned.fingerprint)
    assert Destination.objects.get().quiet_period == 0.5
    apply(text, expected=plan(text).fingerprint)
    assert Destination.objects.get().description == "edited in the admin"


def test_what_was_planned_is_applied_once_and_the_second_time_nothing(newsletter):
    text = "tracsync: 1\ndestinations: {business: {quiet_period: 9}}"
    planned = plan(text)
    assert len(apply(text, expected=planned.fingerprint).changes) == 1
    assert apply(text, expected=planned.fingerprint).changes == []


def test_other_files_than_were_planned(newsletter):
    planned = plan("tracsync: 1\ndestinations: {business: {quiet_period: 9}}")
    with pytest.raises(Outdated):
        apply("tracsync: 1\ndestinations: {business: {quiet_period: 8}}", expected=planned.fingerprint)


def test_an_edit_at_this_moment(newsletter, monkeypatch):
    saved = configuration.save

    def after_another(row, **options):
        Destination.objects.filter(pk=row.pk).update(revision=99)
        saved(row, **options)

    monkeypatch.setattr(configuration, "save", after_another)
    with pytest.raises(Outdated):
        apply("tracsync: 1\ndestinations: {business: {quiet_period: 9}}")


def test_a_name_that_is_given_back_can_be_taken(newsletter):
    """What is pruned goes first."""
    text = exported().replace("  business:\n", "  companies:\n")
    text = text.replace("TRACSYNC_SECRET_BUSINESS_", "TRACSYNC_SECRET_COMPANIES_")
    secrets = {name.replace("BUSINESS", "COMPANIES"): secret for name, secret in SECRETS.items()}
    assert refused(text, secrets=secrets)[0].endswith("Destination with this Name already exists.")
    apply(text, secrets=secrets, prune=True)
    assert [one.slug for one in Destination.objects.all()] == ["companies"]
