"""Doubles of systems that hold profiles, each answering as its documentation says: for tests, and for
`manage.py prove --connector`.

Those of queues, events and audiences stay with the tests: there nothing is held that could be compared.
"""

from __future__ import annotations

import pkgutil

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

ALL: dict[str, type[System]] = {
    double.slug: double
    for double in (
        ActiveCampaign,
        Braze,
        Brevo,
        CiviCrm,
        CustomerIo,
        Elasticsearch,
        Ghost,
        HubSpot,
        Intercom,
        Iterable,
        Klaviyo,
        Mailchimp,
        OpenSearch,
        Salesforce,
    )
}


def find(name: str) -> type[System]:
    """By the slug of its connector, or as `package.module:Class`. Raises LookupError with a sentence."""
    if ":" not in name:
        if name not in ALL:
            raise LookupError(
                f"There is no double of {name}. There are: {', '.join(ALL)}; or package.module:Class"
            )
        return ALL[name]
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise LookupError(f"{name} cannot be imported: {error}") from None
    if not (isinstance(found, type) and issubclass(found, System)):
        raise LookupError(f"{name} is no subclass of destinations.connectors.testing.doubles.system.System")
    if found.mapping is None:
        raise LookupError(f"{name} has no mapping: it says how a profile is sent there")
    return found
