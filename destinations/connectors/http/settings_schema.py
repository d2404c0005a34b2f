"""What a destination of `http_api` may be told: the JSON Schema of its settings.

`"topic"` names the group of the form that a setting stands in; those without one come first, unfolded.
"""

from __future__ import annotations

from typing import Any, Final

from destinations.connectors.base import Schema
from destinations.connectors.http.answers import MEANINGS, UNITS
from destinations.connectors.http.auth.webhook_signature import DIGESTS, SCHEMES
from destinations.connectors.http.payload import ENCODINGS
from destinations.connectors.http.results import UNLISTED
from destinations.connectors.http.templates import METHODS
from tracsync.common.messages import message

MOST_ITEMS: Final = 1000  # of a call

_VALUE: Final = {"type": ["string", "number", "boolean", "object"]}
_PATH: Final = {
    "type": "string",
    "title": message("Path"),
    "description": message(
        "Appended to the resource's URL, such as /contacts/{{profile@id}}; each value is one segment."
    ),
    "maxLength": 2000,
    "default": "",
}
_QUERY: Final = {
    "type": "object",
    "title": message("Query"),
    "description": message(
        "Parameters by name; values may be references. A name that ends with ? may be missing."
    ),
    "additionalProperties": _VALUE,
    "default": {},
}
_HEADERS: Final = {
    "type": "object",
    "title": message("Headers"),
    "description": message(
        "Headers to send, by name; values may be references. A Content-Type other than JSON changes the body."
    ),
    "additionalProperties": {"type": ["string", "object"]},
    "default": {},
}
_BODY: Final = {
    "title": message("Body"),
    "description": message(
        'A template over delivery@, such as {"data": "delivery@payload"}; blank sends the payload itself.'
    ),
}


def _call(title: str, description: str, method: str, path: str, body: str) -> dict[str, Any]:
    return {
        "type": "object",
        "title": title,
        "description": description,
        "topic": _LIFE,
        "properties": {
            "method": {
                "type": "string",
                "title": message("Method"),
                "description": message("Of this call."),
                "enum": list(METHODS),
                "default": method,
            },
            "path": {**_PATH, "description": path},
            "query": _QUERY,
            "headers": {**_HEADERS, "description": message("Headers of this call, by name.")},
            "body": {**_BODY, "description": body},
        },
        "additionalProperties": False,
    }


def _reading(call: dict[str, Any]) -> dict[str, Any]:
    at = {
        "type": ["string", "object"],
        "title": message("At"),
        "description": message("Where the answer tells it, as the payload has it, such as answer@contact."),
        "default": "answer@",
    }
    method = {**call["properties"]["method"], "enum": ["GET", "POST"]}
    return {**call, "topic": _READING, "properties": {**call["properties"], "method": method, "at": at}}


_READING: Final = message("Read back")
_LIFE: Final = message("Update, remove, erase")
_ANSWERS: Final = message("Answers")
_BATCHES: Final = message("Batches")
_FORM: Final = message("Body and format")
_SIGNING: Final = message("Signature")
_CONNECTION: Final = message("Connection")

_RULES: Final[dict[str, Any]] = {
    "type": "array",
    "maxItems": 50,
    "items": {
        "type": "object",
        "properties": {
            "when": {
                "type": "object",
                "properties": {
                    "status": {
                        "type": "array",
                        "items": {"type": ["integer", "string"], "pattern": "^([1-5]xx|[1-5][0-9][0-9])$"},
                    },
                    "if": {"type": "string"},
                    "many": {"type": "boolean"},
                    "operation": {"type": "array", "items": {"enum": ["upsert", "remove", "erase"]}},
                },
                "additionalProperties": False,
            },
            "is": {"type": "string", "enum": list(MEANINGS)},
            "code": {
                "type": "string",
                "pattern": "^[a-z0-9_]{0,50}$",
                "hint": message("may hold small letters, digits and _"),
            },
            "field": {"type": ["string", "object"]},
            "says": {"type": ["string", "object"]},
            "wait": {
                "type": "object",
                "properties": {
                    "from": {"type": ["string", "object"]},
                    "unit": {"type": "string", "enum": list(UNITS)},
                },
                "required": ["from"],
                "additionalProperties": False,
            },
        },
        "required": ["is"],
        "additionalProperties": False,
    },
}

_RESULT: Final[dict[str, Any]] = {
    "at": {"type": ["string", "object"]},
    "by": {"type": "string", "enum": ["index", "key"]},
    "key": {"type": ["string", "object"]},
    **{name: {"type": ["string", "object"]} for name in ("match", "id", "error", "status", "code", "field")},
    "answers": _RULES,
    "unlisted": {"type": "string", "enum": list(UNLISTED)},
}

SETTINGS: Final[Schema] = {
    "type": "object",
    "properties": {
        "method": {
            "type": "string",
            "title": message("Method"),
            "description": message("With GET the payload becomes query parameters."),
            "enum": list(METHODS),
            "default": "POST",
        },
        "path": _PATH,
        "headers": _HEADERS,
        "query": {**_QUERY, "topic": _FORM},
        "encoding": {
            "type": "string",
            "title": message("Encoding"),
            "description": message("How the body is written; blank: as the header Content-Type says."),
            "enum": ["", *ENCODINGS],
            "default": "",
            "topic": _FORM,
        },
        "body": {**_BODY, "topic": _FORM},
        "numeric_booleans": {
            "type": "boolean",
            "title": message("Booleans as numbers"),
            "description": message("Write true and false as 1 and 0 in parameters and forms."),
            "default": False,
            "topic": _FORM,
        },
        "sign": {
            "type": "object",
            "title": message("Signature"),
            "description": message("For receivers that check who has sent it."),
            "topic": _SIGNING,
            "properties": {
                "scheme": {
                    "type": "string",
                    "title": message("Scheme"),
                    "description": message("How requests are signed with the resource's signing secrets."),
                    "enum": ["", *SCHEMES],
                    "default": "",
                },
                "header": {
                    "type": "string",
                    "title": message("Header"),
                    "description": message("X-Signature if blank; Standard Webhooks has names of its own."),
                    "default": "",
                },
                "signed": {
                    "type": "string",
                    "title": message("What is signed"),
                    "description": message(
                        "Of custom: {{body}} if blank, or such as {{id}}.{{timestamp}}.{{body}}."
                    ),
                    "default": "",
                },
                "digest": {
                    "type": "string",
                    "title": message("Digest"),
                    "description": message("Of custom: how it is written; hex if blank."),
                    "enum": ["", *DIGESTS],
                    "default": "",
                },
                "prefix": {
                    "type": "string",
                    "title": message("Before the digest"),
                    "description": message("Of custom: such as sha256= or t={{timestamp}},v1=."),
                    "default": "",
                },
                "timestamp_header": {
                    "type": "string",
                    "title": message("Header of the time"),
                    "description": message(
                        "Of custom: where {{timestamp}} is told, in seconds; blank for nowhere."
                    ),
                    "default": "",
                },
            },
            "additionalProperties": False,
        },
        "remote_id": {
            "type": ["string", "object"],
            "title": message("Remote id"),
            "description": message(
                "Where an answer tells what the profile is called there, such as answer@id."
            ),
            "default": "",
            "topic": _LIFE,
        },
        "update": _call(
            message("Update"),
            message("A call for profiles whose remote id is known."),
            "PUT",
            message("Such as /contacts/{{delivery@remote.id}}."),
            message("A template over delivery@; blank sends the payload itself."),
        ),
        "conflict_id": {
            "type": ["string", "object"],
            "title": message("Id in a conflict"),
            "description": message(
                "Where the answer 409 to a creation tells the id of what is there; that is updated then."
            ),
            "default": "",
            "topic": _LIFE,
        },
        "remove": _call(
            message("Remove"),
            message("A call for profiles that leave."),
            "DELETE",
            message("Such as /contacts/{{delivery@remote.id}}."),
            message("A template over delivery@; blank sends no body."),
        ),
        "erase": _call(
            message("Erase"),
            message("A call for people who are to be forgotten."),
            "DELETE",
            message("Such as /contacts/{{delivery@key}}/forget."),
            message("A template over delivery@; blank sends no body."),
        ),
        "read": _reading(
            _call(
                message("Read back"),
                message("A call that tells what is held of a profile, and changes nothing."),
                "GET",
                message("Such as /contacts/{{delivery@remote.id}}."),
                message("A template over delivery@; blank sends no body."),
            )
        ),
        "answers": {
            **_RULES,
            "title": message("Answer rules"),
            "description": message("What answers mean: the first rule that holds decides, else the status."),
            "default": [],
            "topic": _ANSWERS,
        },
        "batch": {
            "type": "object",
            "title": message("Batch"),
            "description": message("Several profiles in one call."),
            "topic": _BATCHES,
            "properties": {
                "size": {
                    "type": "integer",
                    "title": message("Size"),
                    "description": message("How many profiles one call may carry."),
                    "minimum": 1,
                    "maximum": MOST_ITEMS,
                },
                "bytes": {
                    "type": "integer",
                    "title": message("Bytes"),
                    "description": message("How many bytes their items may have together; 0: no limit."),
                    "minimum": 0,
                    "default": 0,
                },
                "body": {
                    "title": message("Body"),
                    "description": message(
                        'How items are wrapped, such as {"records": "items@"}; blank: a list.'
                    ),
                },
                "identity": {
                    "type": ["string", "object"],
                    "title": message("Identity"),
                    "description": message(
                        "What two profiles may have in common, such as item@email: these never share a call."
                    ),
                    "default": "",
                },
                "results": {
                    "type": ["object", "array"],
                    "title": message("Results"),
                    "description": message(
                        'Where it tells of each item, such as {"at": "answer@results", "error": "message"}.'
                    ),
                    "if": {"type": "object"},
                    "then": {"properties": _RESULT, "additionalProperties": False},
                    "items": {"type": "object", "properties": _RESULT, "additionalProperties": False},
                    "default": [],
                },
            },
            "required": ["size"],
            "additionalProperties": False,
        },
        "timeout": {
            "type": "number",
            "title": message("Timeout"),
            "description": message("Seconds to wait for data; a whole exchange may take twice as long."),
            "exclusiveMinimum": 0,
            "maximum": 60,
            "default": 10,
            "topic": _CONNECTION,
        },
        "cookies": {
            "type": "object",
            "title": message("Cookies"),
            "description": message("Cookies to send, by name."),
            "additionalProperties": {"type": "string"},
            "secret": True,
            "default": {},
            "topic": _CONNECTION,
        },
        "ssl_check": {
            "type": "boolean",
            "title": message("Verify TLS"),
            "description": message("Verify the server's certificate."),
            "address": True,
            "default": True,
            "topic": _CONNECTION,
        },
    },
    "additionalProperties": False,
}
