"""Every manifest keeps the contract of connectors, at a double that answers as the system does."""

from __future__ import annotations

import pytest

from destinations.connectors import registry
from destinations.connectors.testing import check_contract
from destinations.connectors.testing.doubles.crm.activecampaign import ActiveCampaign
from destinations.connectors.testing.doubles.crm.civicrm import CiviCrm
from destinations.connectors.testing.doubles.crm.hubspot import HubSpot
from destinations.connectors.testing.doubles.crm.intercom import Intercom
from destinations.connectors.testing.doubles.crm.salesforce import Salesforce
from destinations.connectors.testing.doubles.elasticsearch import Elasticsearch, OpenSearch
from destinations.connectors.testing.doubles.marketing.braze import Braze
from destinations.connectors.testing.doubles.marketing.brevo import Brevo
from destinations.connectors.testing.doubles.marketing.customer_io import CustomerIo
from destinations.connectors.testing.doubles.marketing.ghost import Ghost
from destinations.connectors.testing.doubles.marketing.iterable import Iterable
from destinations.connectors.testing.doubles.marketing.klaviyo import Klaviyo
from destinations.connectors.testing.doubles.marketing.mailchimp import Mailchimp
from destinations.connectors.testing.doubles.system import System
from tests.connectors.doubles.advertising.customer_match import CustomerMatch
from tests.connectors.doubles.advertising.google_analytics import GoogleAnalytics
from tests.connectors.doubles.advertising.meta import MetaAudiences
from tests.connectors.doubles.cloud.aws import S3, EventBridge, Kinesis, Sns, Sqs
from tests.connectors.doubles.cloud.google import PubSub
from tests.connectors.doubles.webhooks import Slack, Teams
from tests.connectors.manifests.test_every_manifest import SLUGS

DOUBLES: list[type[System]] = [
    ActiveCampaign,
    Braze,
    Brevo,
    CiviCrm,
    CustomerIo,
    CustomerMatch,
    Elasticsearch,
    EventBridge,
    Ghost,
    GoogleAnalytics,
    HubSpot,
    Intercom,
    Iterable,
    Kinesis,
    Klaviyo,
    Mailchimp,
    MetaAudiences,
    OpenSearch,
    PubSub,
    S3,
    Salesforce,
    Slack,
    Sns,
    Sqs,
    Teams,
]


def test_every_manifest_has_a_double() -> None:
    assert sorted(double.slug for double in DOUBLES) == SLUGS


@pytest.mark.parametrize("double", DOUBLES, ids=lambda one: one.slug)
def test_the_contract(double: type[System]) -> None:
    with double() as peer:
        check_contract(registry.get(double.slug), peer)


@pytest.mark.parametrize("double", DOUBLES, ids=lambda one: one.slug)
def test_one_bad_one_is_tried(double: type[System]) -> None:
    """Of which the contract asks that it is the only rejection, in a batch of a hundred, too."""
    with double() as peer:
        assert peer.refused()
