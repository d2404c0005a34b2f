"""Common shapes of web services, to begin with."""

from __future__ import annotations

from typing import Final

from destinations.connectors.base import Preset
from tracsync.common.messages import message

PRESETS: Final = (
    Preset(
        name=message("REST: create and update"),
        description=message(
            "Posts a new profile, puts a known one by the id that the first answer told, and deletes one that"
            " leaves."
        ),
        mapping={"external_id": "profile@id", "email?": "profile@data.contact.email.main"},
        settings={
            "method": "POST",
            "path": "/contacts",
            "remote_id": "answer@id",
            "update": {"method": "PUT", "path": "/contacts/{{delivery@remote.id}}"},
            "remove": {"method": "DELETE", "path": "/contacts/{{delivery@remote.id}}"},
        },
    ),
    Preset(
        name=message("Webhook, signed"),
        description=message("Posts an event, signed as Standard Webhooks; the resource holds the secrets."),
        mapping={"id": "profile@id", "traits": "profile@traits"},
        settings={
            "method": "POST",
            "body": {
                "type": "profile.updated",
                "timestamp": {"$formula": "utcnow()"},
                "data": "delivery@payload",
            },
            "sign": {"scheme": "standard-webhooks"},
            "erase": {"method": "POST", "body": {"type": "profile.erased", "data": {"id": "delivery@key"}}},
        },
    ),
    Preset(
        name=message("GraphQL mutation"),
        description=message(
            "Posts one mutation with the payload as its input, and reads errors out of a 200."
        ),
        mapping={"externalId": "profile@id", "email?": "profile@data.contact.email.main"},
        settings={
            "method": "POST",
            "body": {
                "query": "mutation($input: ContactInput!) { upsertContact(input: $input) { id } }",
                "variables": {"input": "delivery@payload"},
            },
            "remote_id": "answer@data.upsertContact.id",
            "answers": [
                {
                    "when": {"status": ["2xx"], "if": "answer@errors NOT EMPTY"},
                    "is": "rejected",
                    "code": "invalid_field",
                    "says": "{{answer@errors.0.message}}",
                }
            ],
        },
    ),
    Preset(
        name=message("Batch: a list of records"),
        description=message("Up to a hundred profiles in a call, with a result for each of them."),
        mapping={"external_id": "profile@id", "email?": "profile@data.contact.email.main"},
        settings={
            "method": "POST",
            "path": "/records/batch",
            "batch": {
                "size": 100,
                "body": {"records": "items@"},
                "results": {"at": "answer@results", "id": "id", "error": "error.message"},
            },
        },
    ),
)
