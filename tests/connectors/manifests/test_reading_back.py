"""What was sent is read back from every system that can tell, and compared as *Why?* compares it."""

from __future__ import annotations

import pytest

from destinations.connectors import registry
from destinations.connectors.base import JSON, Accepted, ConnectorError, Delivery, Held
from destinations.connectors.testing.doubles.crm.activecampaign import ActiveCampaign
from destinations.connectors.testing.doubles.crm.hubspot import HubSpot
from destinations.connectors.testing.doubles.crm.intercom import Intercom
from destinations.connectors.testing.doubles.crm.salesforce import Salesforce
from destinations.connectors.testing.doubles.elasticsearch import Elasticsearch, OpenSearch
from destinations.connectors.testing.doubles.marketing.braze import Braze
from destinations.connectors.testing.doubles.marketing.brevo import Brevo
from destinations.connectors.testing.doubles.marketing.iterable import Iterable
from destinations.connectors.testing.doubles.marketing.klaviyo import Klaviyo
from destinations.connectors.testing.doubles.marketing.mailchimp import Mailchimp
from destinations.connectors.testing.doubles.system import Answered, System, said
from destinations.insight.payloads.held import differences

DOUBLES: list[type[System]] = [
    ActiveCampaign,
    Braze,
    Brevo,
    Elasticsearch,
    HubSpot,
    Iterable,
    Klaviyo,
    Mailchimp,
    OpenSearch,
    Salesforce,
]
each = pytest.mark.parametrize("double", DOUBLES, ids=lambda one: one.slug)


def opened(peer: System, credentials: JSON = None):
    given = peer.credentials if credentials is None else credentials
    return registry.get(peer.slug).open(given, peer.settings, peer.runtime)


@each
def test_what_was_sent_is_held_and_what_was_changed_there_is_told(double: type[System]) -> None:
    with double() as peer, opened(peer) as session:
        sent = [Delivery(peer.payload(number), f"1:{number}", key=f"p/{number}") for number in (1, 2)]
        outcomes = session.push(sent)
        assert [type(one) for one in outcomes] == [Accepted, Accepted]
        asked = [
            Delivery(one.payload, "read", outcome.remote, key=one.key)
            for one, outcome in zip(sent, outcomes, strict=True)
        ]
        changing = len(peer.sent())
        held = session.read(asked)
        assert [
            list(differences(one.payload, given.payload)) for one, given in zip(held, sent, strict=True)
        ] == [
            [],
            [],
        ]
        assert list(differences(held[0].payload, sent[1].payload))
        assert len(peer.sent()) == changing


@each
def test_who_is_not_there(double: type[System]) -> None:
    with double() as peer, opened(peer) as session:
        asked = Delivery(peer.payload(7), "read", {"id": "4711"}, key="p-7")
        assert session.read([asked]) == [Held()]


@each
def test_whoever_may_not_is_told_and_no_secret_is(double: type[System]) -> None:
    with double() as peer:
        try:
            with opened(peer, peer.wrong_credentials) as session:
                (held,) = session.read([Delivery(peer.payload(7), "read", {"id": "4711"}, key="p-7")])
            told = held.problem
        except ConnectorError as error:  # no access token
            told = str(error)
    assert told
    assert "s3cret" not in told
    assert "person-7" not in told


@each
def test_too_many_calls_are_no_absence(double: type[System], monkeypatch: pytest.MonkeyPatch) -> None:
    with double() as peer, opened(peer) as session:
        answer = peer.answer

        def busy(request) -> Answered:
            return answer(request) if request.path.endswith("/token") else said(429, {"message": "slow down"})

        monkeypatch.setattr(peer, "answer", busy)
        (held,) = session.read([Delivery(peer.payload(7), "read", {"id": "4711"}, key="p-7")])
    assert held.payload is None
    assert held.problem


INDEX = [("age", "", "integer", []), ("traits", "", "", []), ("traits.plan", "", "keyword", [])]
FIELDS: dict[type[System], list[tuple[str, str, str, list[str]]]] = {
    ActiveCampaign: [(f"fields.{one}", f"Field {one}", "dropdown", ["pro"]) for one in range(1, 121)],
    Braze: [(f"attribute_{one:02}", "", "String", []) for one in range(70)],
    Elasticsearch: INDEX,
    Intercom: [("custom_attributes.plan", "Plan", "string", ["free", "pro"]), ("id", "", "string", [])],
    Iterable: [("email", "", "string", []), ("dataFields.firstName", "", "string", [])],
    OpenSearch: INDEX,
}


@pytest.mark.parametrize("double", FIELDS, ids=lambda one: one.slug)
def test_the_fields(double: type[System]) -> None:
    with double() as peer, opened(peer) as session:
        found = [(one.name, one.title, one.type, list(one.choices)) for one in session.fields()]
    assert found == FIELDS[double]


@pytest.mark.parametrize("double", FIELDS, ids=lambda one: one.slug)
def test_the_fields_are_not_for_everybody(double: type[System]) -> None:
    with (
        double() as peer,
        opened(peer, peer.wrong_credentials) as session,
        pytest.raises(ConnectorError) as raised,
    ):
        session.fields()
    assert "s3cret" not in str(raised.value)


def test_a_field_of_activecampaign_may_come_in_either_form() -> None:
    """By its number, or in the list that the API itself has."""
    with ActiveCampaign() as peer, opened(peer) as session:
        forms = [{"fields": {"1": "pro"}}, {"fieldValues": [{"field": "1", "value": "pro"}]}]
        for form in forms:
            payload = {"email": "ana@x.example", **form}
            (outcome,) = session.push([Delivery(payload, "1:1", key="p-1")])
            (held,) = session.read([Delivery(payload, "read", outcome.remote, key="p-1")])
            assert list(differences(held.payload, payload)) == []
            assert held.payload["fields"] == {"1": "pro"}
