"""What Tracardi's connectors are here, each with what its own code does otherwise."""

from __future__ import annotations

import pytest

from destinations.insight import preview
from destinations.models import Destination, Resource
from destinations.tracardi import counterparts
from destinations.tracardi.counterparts import Findings, Wishes
from tests.tracardi.conftest import destination, found, resource


class TestHttp:
    def settings(self, bring, init, **options):
        bring([resource(), destination(init=init)], **options)
        return Destination.objects.get()

    def test_get_where_none_is_given_with_booleans_as_numbers(self, bring):
        made = self.settings(bring, {"method": None})
        assert made.settings == {"method": "GET", "timeout": 30, "numeric_booleans": True}

    def test_numbers_as_text_and_timeouts_that_are_too_long(self, bring):
        assert self.settings(bring, {"timeout": "300", "method": "Put"}).settings == {
            "method": "PUT",
            "timeout": 60,
        }

    def test_forms_hold_json_as_in_tracardi(self, bring):
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        assert self.settings(bring, {"headers": headers}).settings["encoding"] == "json"

    @pytest.mark.parametrize("method", ["post", "get"])
    def test_a_body_with_data_where_it_is_asked_for(self, bring, method):
        made = self.settings(bring, {"method": method}, wishes=Wishes(wraps_data=True))
        if method == "get":
            assert made.mapping == {"data": {"id": "profile@id"}}
        else:
            assert (made.mapping, made.settings["body"]) == (
                {"id": "profile@id"},
                {"data": "delivery@payload"},
            )


@pytest.mark.parametrize(
    ("init", "wraps_data", "url", "body"),
    [
        ({"method": "post"}, False, "https://shop.example/in", '{"id":"p-1","vip":true}'),
        ({"method": "post"}, True, "https://shop.example/in", '{"data":{"id":"p-1","vip":true}}'),
        ({"method": "get"}, False, "https://shop.example/in?id=p-1&vip=1", None),
        ({"method": None}, True, "https://shop.example/in?data.id=p-1&data.vip=1", None),
        (
            {"method": "put", "headers": {"content-type": "application/x-www-form-urlencoded"}},
            False,
            "https://shop.example/in",
            '{"id":"p-1","vip":true}',
        ),
    ],
)
def test_what_an_imported_destination_sends(bring, init, wraps_data, url, body):
    mapping = {"id": "profile@id", "vip": "profile@traits.vip"}
    bring([resource(), destination(init=init, mapping=mapping)], wishes=Wishes(wraps_data=wraps_data))
    shown = preview.preview(Destination.objects.get(), {"id": "p-1", "traits": {"vip": True}})
    assert (shown.request["url"], shown.request["body"]) == (url, body)


class TestOtherConnectors:
    def test_mautic(self, bring):
        credentials = {
            "production": {
                "api_url": "https://m.example",
                "public_key": "k",
                "private_key": "s",
                "access_token": "old",
            }
        }
        report = bring(
            [
                resource(
                    connector="mautic_connector.MauticConnector", type="mautic", credentials=credentials
                ),
                destination(
                    connector="mautic_connector.MauticConnector",
                    destination={"package": "x.MauticConnector", "init": {"overwrite_with_blank": "true"}},
                ),
            ]
        )
        assert report.needing == []
        assert Destination.objects.get().settings == {"overwrite_with_blank": True}
        assert Resource.objects.get().production == {
            "api_url": "https://m.example",
            "public_key": "k",
            "private_key": "s",
        }

    def test_hubspot_is_sent_what_tracardi_sends_unasked(self, bring):
        package = {"package": "x.HubSpotConnector", "init": {}}
        report = bring(
            [
                resource(
                    type="hubspot",
                    destination=package,
                    credentials={"production": {"token": "pat-12345678"}},
                ),
                destination(
                    destination=package,
                    mapping={"email": "profile@traits.mail", "city?": "profile@traits.city"},
                ),
            ]
        )
        assert report.needing == []
        assert Destination.objects.get().mapping == {
            "id": "profile@traits.mail",
            "properties": {
                "firstname?": "profile@data.pii.firstname",
                "lastname?": "profile@data.pii.lastname",
                "phone?": "profile@data.contact.phone.main",
                "email": "profile@traits.mail",
                "city?": "profile@traits.city",
            },
        }

    def test_civicrm_needs_another_address_and_mapping(self, bring):
        package = {"package": "x.CiviCRMConnector", "init": {}}
        keys = {"api_key": "k", "site_key": "s", "api_url": "https://civi.example/rest.php"}
        report = bring(
            [
                resource(type="civi_crm", destination=package, credentials={"production": keys}),
                destination(
                    destination=package, mapping={"id": "profile@id", "email": "profile@traits.mail"}
                ),
            ]
        )
        assert "version 4" in found(report, "Shop").findings.needs[0]
        assert any("external_identifier" in need for need in found(report, "Customers").findings.needs)
        made = Resource.objects.get()
        assert (made.enabled, made.production["base_url"]) == (False, "https://civi.example/rest.php")

    def test_a_queue_without_a_name_and_with_xml(self, bring):
        package = {"package": "x.RabbitMqConnector"}
        queue = {"name": None, "serializer": "xml", "compression": "GZIP"}
        report = bring(
            [
                resource(
                    type="rabbitMQ",
                    destination=package,
                    credentials={"production": {"uri": "amqp://mq.example//", "timeout": 5, "port": 5673}},
                ),
                destination(destination={**package, "init": {"queue": queue}}),
            ]
        )
        assert Resource.objects.get().production["uri"] == "amqp://mq.example:5673//"
        entry = found(report, "Customers")
        assert entry.findings.needs == ["settings: queue.name is required"]
        assert "Tracardi's XML" in entry.findings.notes[0]
        assert Destination.objects.get().settings["queue"]["compression"] == "gzip"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (
            {"bootstrap_servers": "a:9092,b:9092", "sasl_mechanism": "PLAIN"},
            {"servers": "a:9092,b:9092", "tls": False},
        ),
        (
            {
                "bootstrap_servers": ["a:9093", "b:9093"],
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-256",
                "sasl_plain_username": "u",
                "sasl_plain_password": "p",
                "max_batch_size": 16384,
            },
            {
                "servers": "a:9093, b:9093",
                "tls": True,
                "mechanism": "SCRAM-SHA-256",
                "user": "u",
                "password": "p",
                "max_batch_size": 16384,
            },
        ),
    ],
)
def test_kafka(given, made):
    counterpart, findings = counterparts.of_type("apache-kafka"), Findings()
    assert counterpart.slug == "kafka"
    assert counterpart.credentials(given, findings) == made
    settings = counterpart.settings({"topic": "t", "serializer": "avro"}, {}, Wishes(), findings)
    assert (settings, findings.notes) == (({"topic": "t"}, {}), ["messages are written as JSON"])


def test_a_topic_of_kafka(bring):
    package = {"package": "com_tracardi.destination.kafka_connector.KafkaConnector"}
    credentials = {
        "bootstrap_servers": "k1.example:9092",
        "security_protocol": "PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": None,
        "sasl_plain_password": None,
        "ssl_context": False,
    }
    report = bring(
        [
            resource(type="apache-kafka", destination=package, credentials={"production": credentials}),
            destination(destination={**package, "init": {"topic": "people", "serializer": "json"}}),
        ]
    )
    assert report.needing == []
    assert Resource.objects.get().production == {"servers": "k1.example:9092", "tls": False}
    assert Destination.objects.get().settings == {"topic": "people"}
