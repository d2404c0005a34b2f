"""What Tracardi's connectors are here: their credentials, settings and mappings as our connectors have them.

What Tracardi's own code does is said where it is another thing here. Nothing is checked in this module; that
is for `configuration.validation`, as with everything that people enter.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

JSON = Any
Object = dict[str, JSON]

LONGEST_TIMEOUT: Final = 60  # seconds, that a destination may wait
TRACARDIS_TIMEOUT: Final = 30  # seconds, where none is given

_PLACEHOLDER = re.compile(r"<[^<>]*>")


@dataclass(slots=True)
class Findings:
    """What is to be told of one record: `needs` are for a person to do, `notes` say what is different."""

    needs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wishes:
    """`wraps_data`: HTTP calls carry `{"data": payload}`, as those of Tracardi 0.9 do."""

    wraps_data: bool = False


Settings = Callable[[Object, Object, Wishes, Findings], tuple[Object, JSON]]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """`slug`: of our connector. `credentials` and `settings` rewrite what Tracardi has.

    `settings` is given the connector's settings and the mapping, and gives both.
    """

    slug: str
    credentials: Callable[[Object, Findings], Object]
    settings: Settings


def of_package(package: str) -> Counterpart | None:
    """By the class that the package ends with: the modules have moved over the versions."""
    return _OF_CLASSES.get(package.rpartition(".")[2].lower())


def of_slug(slug: str) -> Counterpart | None:
    """By our own connector."""
    return next((one for one in _OF_CLASSES.values() if one.slug == slug), None)


def of_type(name: str) -> Counterpart | None:
    """By the type of a resource, of which older records say nothing more."""
    return _OF_CLASSES.get(_TYPES.get(name.lower(), ""))


def filled_in(given: Mapping[str, JSON]) -> Object:
    """What somebody has entered: Tracardi's forms begin with `<url>`, with blanks and with null."""
    kept = {name: filled_in(value) if isinstance(value, Mapping) else value for name, value in given.items()}
    return {name: value for name, value in kept.items() if not _is_blank(value)}


def known_only(part: str, schema: Mapping[str, Any], given: Object, findings: Findings) -> Object:
    """Without what our connector has no field for; the names of that are told."""
    known = schema.get("properties", {})
    unknown = [name for name in given if name not in known]
    if unknown:
        findings.notes.append(f"{part}: left out, as nothing here reads it: {', '.join(sorted(unknown))}")
    return {name: value for name, value in given.items() if name in known}


def _is_blank(value: JSON) -> bool:
    if isinstance(value, str):
        return not value.strip() or bool(_PLACEHOLDER.fullmatch(value.strip()))
    return value is None or value == {}


def _as_they_are(credentials: Object, _findings: Findings) -> Object:
    return credentials


def _as_is(settings: Object, mapping: JSON, _wishes: Wishes, _findings: Findings) -> tuple[Object, JSON]:
    return settings, mapping


def _http_credentials(credentials: Object, findings: Findings) -> Object:
    """Tracardi signs in only where there are both a user name and a password."""
    if ("username" in credentials) != ("password" in credentials):
        findings.notes.append("a user name or password without the other is not used by Tracardi: left out")
        return {name: value for name, value in credentials.items() if name not in ("username", "password")}
    return credentials


def _http_settings(
    settings: Object, mapping: JSON, wishes: Wishes, findings: Findings
) -> tuple[Object, JSON]:
    made = {"timeout": TRACARDIS_TIMEOUT, **settings}
    if "method" not in settings:
        made["method"] = "GET"
        findings.notes.append("it has no method, which is GET in Tracardi: check that, POST is usual")
    if _number(made["timeout"]) > LONGEST_TIMEOUT:
        made["timeout"] = LONGEST_TIMEOUT
        findings.notes.append(f"the timeout is {LONGEST_TIMEOUT} seconds now, the longest there is")
    is_get = str(made["method"]).strip().upper() == "GET"
    if is_get:
        made["numeric_booleans"] = True
    elif _content_type(made).endswith("x-www-form-urlencoded"):
        made["encoding"] = "json"  # Tracardi writes JSON whatever the header says
    if wishes.wraps_data and is_get:
        mapping = {"data": mapping}
    elif wishes.wraps_data:
        made["body"] = {"data": "delivery@payload"}
    return made, mapping


def _number(value: JSON) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0


def _content_type(settings: Object) -> str:
    headers = settings.get("headers")
    if not isinstance(headers, Mapping):
        return ""
    found = [value for name, value in headers.items() if name.lower() == "content-type"]
    return str(found[0]).partition(";")[0].strip().lower() if found else ""


def _rabbitmq_credentials(credentials: Object, findings: Findings) -> Object:
    """`configuration.validation` writes port and vhost into the uri."""
    given = [name for name in ("port", "virtual_host") if name in credentials]
    if given:
        findings.notes.append(f"{' and '.join(given)}: part of the uri here, where it says nothing else")
    return credentials


def _rabbitmq_settings(
    settings: Object, mapping: JSON, _wishes: Wishes, findings: Findings
) -> tuple[Object, JSON]:
    queue = settings.get("queue")
    if not isinstance(queue, Mapping):
        return settings, mapping
    made = {"compression": "none", **queue}
    if str(made.get("serializer", "")).lower() == "xml":
        made["serializer"] = "json"
        findings.notes.append("messages are written as JSON: Tracardi's XML has never worked")
    return {**settings, "queue": made}, mapping


def _civicrm_credentials(credentials: Object, findings: Findings) -> Object:
    made = copy.copy(credentials)
    if "api_url" in made:
        made["base_url"] = made.pop("api_url")
    if not str(made.get("base_url", "")).rstrip("/").endswith("/ajax/api4"):
        findings.needs.append(
            "Tracardi calls CiviCRM's API of version 3, and here it is version 4: enter its address, such as"
            " https://crm.example.org/civicrm/ajax/api4, and an API key of a user who may use it"
        )
    return made


def _civicrm_settings(
    settings: Object, mapping: JSON, _wishes: Wishes, findings: Findings
) -> tuple[Object, JSON]:
    if not isinstance(mapping, Mapping) or "external_identifier" not in mapping:
        findings.needs.append(
            "contacts are found by external_identifier here and named as in version 4 of the API"
            " (email_primary.email): rewrite the mapping"
        )
    return settings, mapping


_SENT_TO_HUBSPOT: Final = {
    "firstname": "profile@data.pii.firstname",
    "lastname": "profile@data.pii.lastname",
    "email": "profile@data.contact.email.main",
    "phone": "profile@data.contact.phone.main",
}


def _hubspot_settings(
    settings: Object, mapping: JSON, _wishes: Wishes, findings: Findings
) -> tuple[Object, JSON]:
    """Tracardi sends names, address and phone of its own accord, and finds a contact by its address."""
    if not isinstance(mapping, Mapping):
        return settings, mapping
    names = {name.removesuffix("?") for name in mapping}
    own = {f"{name}?": source for name, source in _SENT_TO_HUBSPOT.items() if name not in names}
    email = mapping.get("email", mapping.get("email?", _SENT_TO_HUBSPOT["email"]))
    if own:
        sent = ", ".join(name.removesuffix("?") for name in own)
        findings.notes.append(f"the mapping says what Tracardi sends to HubSpot unasked: {sent}")
    return settings, {"id": email, "properties": {**own, **mapping}}


def _kafka_credentials(credentials: Object, _findings: Findings) -> Object:
    """Tracardi's are the words of aiokafka; `security_protocol` says whether there are TLS and a user."""
    made = copy.copy(credentials)
    servers = made.pop("bootstrap_servers", "")
    protocol = str(made.pop("security_protocol", "PLAINTEXT")).upper()
    sasl = {name: made.pop(f"sasl_{name}", "") for name in _SASL}
    made["servers"] = ", ".join(map(str, servers)) if isinstance(servers, list) else servers
    made["tls"] = protocol.endswith("SSL")
    if protocol.startswith("SASL"):
        made |= {_SASL[name]: value for name, value in sasl.items() if value}
    return made


_SASL: Final = {"mechanism": "mechanism", "plain_username": "user", "plain_password": "password"}


def _kafka_settings(
    settings: Object, mapping: JSON, _wishes: Wishes, findings: Findings
) -> tuple[Object, JSON]:
    made = copy.copy(settings)
    if str(made.pop("serializer", "json")).lower() != "json":
        findings.notes.append("messages are written as JSON")
    return made, mapping


_OF_CLASSES: Final = {
    "httpconnector": Counterpart("http_api", _http_credentials, _http_settings),
    "rabbitmqconnector": Counterpart("rabbitmq", _rabbitmq_credentials, _rabbitmq_settings),
    "mauticconnector": Counterpart("mautic", _as_they_are, _as_is),
    "civicrmconnector": Counterpart("civicrm", _civicrm_credentials, _civicrm_settings),
    "hubspotconnector": Counterpart("hubspot", _as_they_are, _hubspot_settings),
    "kafkaconnector": Counterpart("kafka", _kafka_credentials, _kafka_settings),
}
_TYPES: Final = {
    "api": "httpconnector",
    "rabbitmq": "rabbitmqconnector",
    "mautic": "mauticconnector",
    "civi_crm": "civicrmconnector",
    "hubspot": "hubspotconnector",
    "apache-kafka": "kafkaconnector",
}
