"""What becomes of resources, destinations and profiles: as they were, switched off, or left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from destinations.models import Destination, Extension, Resource
from profiles.models import Profile
from tests.tracardi.conftest import DESTINATIONS, RAW, RESOURCES, destination, found, packed, resource


def stored():
    """All that an import may change."""
    return [[*model.objects.order_by("pk").values()] for model in (Resource, Destination, Profile, Extension)]


class TestTheCases:
    def test_the_answers_of_the_api(self, bring):
        bring(DESTINATIONS, RESOURCES)
        hook, queue = Resource.objects.order_by("name")
        assert (hook.name, hook.type_id, hook.tags) == ("CRM hook", "http_api", ["api", "destination", "crm"])
        assert hook.production == {"url": "https://crm.example/in", "headers": {"x-key": "k-1"}}
        assert hook.test == {"url": "https://test.crm.example/in"}
        assert (queue.name, queue.type_id, queue.test) == ("Queue", "rabbitmq", {})
        assert queue.production == {"uri": "amqp://u:p@mq.example:5672", "timeout": 5}

        crm, purchases, messages = Destination.objects.order_by("pk")
        assert (crm.name, crm.description, crm.resource, crm.tags) == (
            "CRM",
            "business customers",
            hook,
            ["crm"],
        )
        assert crm.prerequisites == "profile@data.contact.email.business EXISTS AND profile@stats.visits>3"
        assert crm.mapping["n?"] == "profile@data.pii.firstname"
        assert (crm.settings["method"], crm.enabled) == ("POST", True)
        assert crm.settings["headers"] == {"content-type": "application/json"}
        assert (purchases.name, purchases.enabled, purchases.settings["method"]) == (
            "Purchases",
            False,
            "GET",
        )
        assert (messages.name, messages.resource, messages.enabled) == ("Queue", queue, True)
        assert messages.settings["queue"]["compression"] == "none"

    def test_what_needs_a_person_is_said(self, bring):
        report = bring(RESOURCES, DESTINATIONS)
        assert [entry.name for entry in report.needing] == ["Purchases", "Pulsar"]
        purchases, pulsar = (" ".join(entry.findings.needs) for entry in report.needing)
        assert "events of the type purchase" in purchases
        assert "prerequisites: event@" in purchases
        assert "GET in Tracardi" in " ".join(found(report, "Purchases").findings.notes)
        assert "no connector here is what PulsarConnector is" in pulsar
        assert "its resource res-gone is in none of the files" in pulsar
        assert not Destination.objects.filter(name="Pulsar").exists()

    def test_a_second_import_changes_nothing(self, bring):
        bring(RESOURCES, DESTINATIONS)
        before = stored()
        report = bring(RESOURCES, DESTINATIONS)
        assert stored() == before
        assert {entry.outcome for entry in report.entries} == {"unchanged", "left out"}

    def test_the_destinations_alone_know_their_resources_from_before(self, bring):
        bring(RESOURCES, DESTINATIONS)
        before = stored()
        report = bring(DESTINATIONS)
        assert stored() == before
        assert [entry.name for entry in report.needing] == ["Purchases", "Pulsar"]

    def test_raw_records_give_the_same(self, bring):
        bring(RESOURCES, DESTINATIONS)
        before = stored()
        report = bring(RAW)
        assert stored() == before
        assert [entry.outcome for entry in report.entries] == ["unchanged", "unchanged"]
        assert not report.superseded

    def test_a_dry_run_says_the_same_and_changes_nothing(self, bring):
        rehearsed = bring(RESOURCES, DESTINATIONS, dry_run=True)
        assert not Resource.objects.exists()
        assert not Extension.objects.filter(pk="http_api", installed_at__isnull=False).exists()
        assert rehearsed == bring(RESOURCES, DESTINATIONS)

    def test_nothing_is_half_imported_when_a_line_fails(self, bring, write):
        broken = write([*Path(RAW).read_text().splitlines(), '{"id": '], "broken.ndjson")
        profiles = write(['{"id": "p-1", "traits": {}}'], "profiles.ndjson")
        report = bring(RESOURCES, profiles, broken)
        [failure] = report.failures
        assert "broken.ndjson, line 3: not JSON" in failure
        assert not Resource.objects.exists()
        assert not Profile.objects.exists()


class TestWhoEdited:
    def test_it_is_in_the_history_as_a_persons_edit_is(self, bring):
        bring(RESOURCES, DESTINATIONS)
        [version] = Destination.objects.get(name="CRM").versions.all()
        assert version.by == "an import from Tracardi"

    def test_what_is_here_stays_unless_it_is_asked_for(self, bring):
        bring(RESOURCES, DESTINATIONS)
        crm = Destination.objects.get(name="CRM")
        crm.prerequisites = "profile@id EXISTS"
        crm.save()
        entry = found(bring(RESOURCES, DESTINATIONS), "CRM")
        assert (entry.outcome, entry.detail) == ("kept", "prerequisites")
        crm.refresh_from_db()
        assert crm.prerequisites == "profile@id EXISTS"
        entry = found(bring(RESOURCES, DESTINATIONS, update=True), "CRM")
        assert (entry.outcome, entry.detail) == ("changed", "prerequisites")
        crm.refresh_from_db()
        assert "stats.visits>3" in crm.prerequisites
        assert crm.revision == 2

    def test_secrets_that_were_entered_here_stay_with_an_update(self, bring):
        mautic = resource(
            type="mautic",
            connector="mautic_connector.MauticConnector",
            credentials={
                "production": {
                    "api_url": "https://mautic.example",
                    "public_key": "k",
                    "private_key": "<client-private-key>",
                }
            },
        )
        report = bring([mautic])
        assert found(report, "Shop").findings.needs == ["production credentials: private_key is required"]
        shop = Resource.objects.get()
        assert not shop.enabled
        shop.production, shop.enabled = {**shop.production, "private_key": "entered"}, True
        shop.save()
        assert found(bring([mautic], update=True), "Shop").outcome == "unchanged"
        moved = json.loads(json.dumps(mautic))
        moved["credentials"]["production"]["api_url"] = "https://other.example"
        entry = found(bring([moved], update=True), "Shop")
        assert entry.outcome == "kept"
        assert "enter private_key again" in entry.findings.needs[0]
        shop.refresh_from_db()
        assert shop.production["api_url"] == "https://mautic.example"

    def test_a_name_that_another_type_has(self, bring):
        bring([resource()])
        queue = resource(connector="rabbitmq_connector.RabbitMqConnector", type="rabbitmq")
        entry = found(bring([queue]), "Shop")
        assert (entry.outcome, Resource.objects.get().type_id) == ("left out", "http_api")
        assert "of another type" in entry.findings.needs[0]


class TestNames:
    def test_two_of_one_name_are_two_in_every_order(self, bring):
        both = [destination("d-1"), destination("d-2", condition="profile@id EXISTS")]
        bring([resource(), *both])
        assert {one.name for one in Destination.objects.all()} == {"Customers", "Customers (d-2)"}
        report = bring([*reversed(both), resource()])
        assert {entry.outcome for entry in report.entries} == {"unchanged"}

    def test_one_record_in_several_groups_is_one(self, bring):
        grouped = {"total": 2, "grouped": {"a": [destination()], "b": [destination()]}}
        report = bring([resource(), grouped])
        assert len(report.entries) == 2

    def test_of_two_that_differ_the_last_is_taken(self, bring):
        report = bring([resource(), destination(), destination(description="new")])
        assert Destination.objects.get().description == "new"
        assert "the last is taken" in found(report, "Customers").findings.notes[0]

    def test_a_name_that_is_missing_or_too_long(self, bring):
        records = [resource(name=None), *(destination(f"d-{n}", name="n" * 300 + str(n)) for n in (1, 2))]
        bring(records)
        assert Resource.objects.get().name == "r-1"
        assert [len(one.name) for one in Destination.objects.order_by("pk")] == [200, 106]
        assert {entry.outcome for entry in bring(records).entries} == {"unchanged"}


class TestResources:
    @pytest.mark.parametrize(
        "package",
        [
            "tracardi.process_engine.destination.profile.http_connector.HttpConnector",
            "com_tracardi.destination.x.HTTPConnector",
        ],
    )
    def test_packages_have_moved(self, bring, package):
        bring([resource(destination={"package": package, "init": {}})])
        assert Resource.objects.get().type_id == "http_api"

    def test_without_a_package_the_type_or_its_destinations_tell(self, bring):
        bring(
            [
                resource(destination=None),
                resource("r-2", "Other", type="custom", destination=""),
                destination(resource={"id": "r-2"}),
            ]
        )
        assert {one.type_id for one in Resource.objects.all()} == {"http_api"}
        assert Destination.objects.get().resource.name == "Other"

    def test_what_is_for_workflows_only_is_left_out(self, bring):
        entry = found(bring([resource(type="smtp-server", destination=None)]), "Shop")
        assert entry.outcome == "left out"
        assert "no connector here is what smtp-server is" in entry.findings.needs[0]

    def test_what_is_off_stays_off(self, bring):
        report = bring([resource(enabled=False), destination(enabled=0)])
        assert not Resource.objects.get().enabled
        assert not Destination.objects.get().enabled
        assert report.needing == []
        assert all("switched off in Tracardi" in entry.findings.notes[0] for entry in report.entries)

    def test_test_credentials_that_cannot_be_used_are_left_out(self, bring):
        credentials = {"production": {"url": "https://a.example"}, "test": {"url": "nonsense"}}
        entry = found(bring([resource(credentials=credentials)]), "Shop")
        assert Resource.objects.get().test == {}
        assert "test credentials: left out" in entry.findings.notes[0]
        assert entry.findings.needs == []

    def test_fields_that_nothing_reads_are_named(self, bring):
        credentials = {"production": {"url": "https://a.example", "bucket": "s3cret"}, "test": {}}
        entry = found(bring([resource(credentials=credentials)]), "Shop")
        assert entry.findings.notes == ["production credentials: left out, as nothing here reads it: bucket"]

    def test_a_user_without_a_password_is_not_used(self, bring):
        credentials = {"production": {"url": "https://a.example", "username": "me", "password": "<password>"}}
        bring([resource(credentials=credentials)])
        assert Resource.objects.get().production == {"url": "https://a.example"}

    def test_one_that_is_here_under_another_name(self, bring):
        bring([resource()])
        bring([destination(resource={"id": "other"})], resources={"other": "Shop"})
        assert Destination.objects.get().resource.name == "Shop"

    def test_the_only_one_of_its_type_is_taken_for_a_person_to_check(self, bring):
        bring(RESOURCES)
        report = bring(DESTINATIONS)
        crm = Destination.objects.get(name="CRM")
        assert (crm.resource.name, crm.enabled) == ("CRM hook", False)
        assert "CRM hook, the only one of its type here, is taken" in found(report, "CRM").findings.needs[0]
        bring([resource()])
        Destination.objects.all().delete()
        report = bring(DESTINATIONS)  # there are two that it can be for
        assert found(report, "CRM").outcome == "left out"
        assert "say --resource res-api=NAME" in found(report, "CRM").findings.needs[0]
        assert found(report, "Queue").outcome == "created"

    def test_the_destinations_of_one_that_is_incomplete_are_off(self, bring):
        report = bring([resource(credentials={}), destination(condition="profile@id >")])
        assert "url is required" in found(report, "Shop").findings.needs[0]
        needs = found(report, "Customers").findings.needs
        assert "settings: its resource has to be completed first" in needs
        assert any(need.startswith("prerequisites:") for need in needs)
        assert not Destination.objects.get().enabled


class TestDestinations:
    def test_without_a_package_the_resource_tells(self, bring):
        report = bring([resource(), destination(destination={"init": {"method": "put"}})])
        assert report.needing == []
        assert Destination.objects.get().settings["method"] == "PUT"

    def test_what_cannot_be_read_is_kept_and_off(self, bring):
        broken = destination(condition='profile@a === "b" &&', mapping={"a": "profile@["})
        entry = found(bring([resource(), broken]), "Customers")
        assert (entry.outcome, entry.is_off) == ("created", True)
        kept = Destination.objects.get()
        assert (kept.prerequisites, kept.mapping, kept.enabled) == (
            'profile@a === "b" &&',
            {"a": "profile@["},
            False,
        )
        assert {need.partition(":")[0] for need in entry.findings.needs} == {"prerequisites", "mapping"}

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"event_type": {"id": "visit", "name": "Visit"}}, "events of the type visit"),
            ({"event_type_id": "visit"}, "events of the type visit"),
            ({"source": {"id": "web", "name": "Web"}}, "what comes from the source web"),
            ({"condition": "session@context.x EXISTS"}, "prerequisites: session@ is never there"),
            (
                {"mapping": {"a": "{{payload@b}}", "c": "memory@d"}},
                "mapping: memory@, payload@ is never there",
            ),
        ],
    )
    def test_what_was_for_something_else_than_changes(self, bring, fields, said):
        entry = found(bring([resource(), destination(**fields)]), "Customers")
        assert said in " ".join(entry.findings.needs)
        assert not Destination.objects.get().enabled

    def test_warnings_are_told(self, bring):
        entry = found(bring([resource(), destination(mapping={"a": "profile.id"})]), "Customers")
        assert "mapping, $.a: a reference has an @ after its source" in entry.findings.notes[0]
        assert Destination.objects.get().enabled

    def test_all_may_be_brought_switched_off(self, bring):
        entry = found(bring([resource(), destination()], off=True), "Customers")
        assert (entry.is_off, entry.findings.needs) == (True, [])
        assert not Destination.objects.get().enabled

    def test_one_that_is_for_another_connector_than_its_resource(self, bring):
        mautic = destination(connector="mautic_connector.MauticConnector")
        entry = found(bring([resource(), mautic]), "Customers")
        assert entry.findings.needs == ["it is for Mautic, and its resource is of HTTP API"]
        assert not Destination.objects.exists()

    def test_certificates_that_are_not_verified_where_there_are_secrets(self, bring):
        secret = {"production": {"url": "https://a.example", "headers": {"x-key": "s3cret"}}, "test": {}}
        entry = found(
            bring([resource(credentials=secret), destination(init={"ssl_check": False})]), "Customers"
        )
        assert "ssl_check" in entry.findings.needs[0]
        made = Destination.objects.get()
        assert (made.enabled, "ssl_check" in made.settings) == (False, False)
        bring(
            [
                resource("r-2", "Open"),
                destination("d-2", "Plain", init={"ssl_check": "false"}, resource="r-2"),
            ]
        )
        plain = Destination.objects.get(name="Plain")
        assert (plain.enabled, plain.settings["ssl_check"]) == (True, False)


class TestProfiles:
    def test_they_go_the_way_of_every_import(self, bring, write):
        lines = [
            json.dumps({"id": "p-1", "traits": {"a": 1}, "operation": {"new": False}}),
            json.dumps(
                {"_index": "x.tracardi-profile-2023-1", "_id": "p-2", "_source": {"stats": {"visits": 2}}}
            ),
            json.dumps({"total": 1, "result": [{"id": "p-3", "data": {"pii": {"firstname": "Ola"}}}]}),
        ]
        rehearsed = bring(write(lines), dry_run=True)
        assert (rehearsed.profiles, Profile.objects.count()) == ({"created": 3}, 0)
        assert bring(write(lines)).profiles == {"created": 3}
        assert [one.document for one in Profile.objects.order_by("pk")] == [
            {"id": "p-1", "traits": {"a": 1}},
            {"id": "p-2", "stats": {"visits": 2}},
            {"id": "p-3", "data": {"pii": {"firstname": "Ola"}}},
        ]
        assert bring(write(lines)).profiles == {"unchanged": 3}

    def test_one_that_cannot_be_stored_ends_it_before_it_begins(self, bring, write, settings):
        settings.TRACSYNC_MAX_DOCUMENT_BYTES = 1000
        lines = [json.dumps({"id": f"p-{n}", "traits": {"a": "x" * 300 * n}}) for n in range(1, 5)]
        report = bring(write(lines))
        assert "line 4: the document has" in report.failures[0]
        assert "xxx" not in report.failures[0]
        assert not Profile.objects.exists()

    def test_many_are_written_in_batches(self, bring, write):
        lines = [json.dumps({"id": f"p-{n}", "traits": {}}) for n in range(1001)]
        assert bring(write(lines)).profiles == {"created": 1001}

    def test_a_destination_that_comes_with_them_is_told_of_them(self, bring, write):
        bring([resource(), destination()], write(['{"id": "p-1", "traits": {}}'], "p.ndjson"))
        assert Profile.objects.get().first_changed_at is not None


def test_raw_fields_in_every_form(bring):
    raw = destination(mapping=packed({"a": "profile@id"}), destination='{"package": "x.HttpConnector"}')
    report = bring([resource(credentials=packed({"production": {"url": "https://a.example"}})), raw])
    assert report.needing == []
    assert Destination.objects.get().mapping == {"a": "profile@id"}


def test_a_field_that_cannot_be_read_says_which_and_not_what(bring):
    report = bring([resource(credentials="c2VjcmV0IHRleHQ="), destination(mapping="@@@"), resource(tags=[1])])
    assert [failure.partition("line 1, ")[2][:40] for failure in report.failures] == [
        "/0: credentials cannot be read: it is ne",
        "/1: mapping cannot be read: it is neithe",
        "/2: tags must be a list of words",
    ]
    assert "secret" not in str(report.failures)


def test_what_is_incomplete_can_be_opened_in_the_admin(bring, admin_client):
    bring([resource(credentials={}), destination(condition="profile@a ==", init={"headers": {"a": 5}})])
    for row in (Resource.objects.get(), Destination.objects.get()):
        name = row._meta.model_name
        assert admin_client.get(f"/admin/destinations/{name}/{row.pk}/change/").status_code == 200
