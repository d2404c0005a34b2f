"""What a resource of `http_api` holds: the JSON Schema of its credentials."""

from __future__ import annotations

from typing import Final

from destinations.connectors.base import Schema
from tracsync.common.messages import message

_URL: Final = {
    "type": "string",
    "format": "uri",
    "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s]+([/?#]\S*)?$",
    "hint": message("must start with http:// or https:// and hold no spaces"),
}
_SECRET: Final = {"type": "string", "secret": True, "default": ""}
_TEXT: Final = {"type": "string", "default": ""}

CREDENTIALS: Final[Schema] = {
    "type": "object",
    "properties": {
        "url": {
            **_URL,
            "title": message("URL"),
            "description": message("The address to call. Its password and query values are not shown again."),
        },
        "username": {
            **_TEXT,
            "title": message("User name"),
            "description": message("For basic authentication, together with the password."),
        },
        "password": {
            **_SECRET,
            "title": message("Password"),
            "description": message("For basic authentication."),
        },
        "token": {
            **_SECRET,
            "title": message("Token"),
            "description": message("Sent as Authorization: Bearer. Not together with a user name."),
        },
        "headers": {
            "type": "object",
            "title": message("Secret headers"),
            "description": message("Headers that carry keys, by name; kept secret."),
            "additionalProperties": {"type": "string"},
            "secret": True,
            "default": {},
        },
        "signing_secrets": {
            "type": "array",
            "title": message("Signing secrets"),
            "topic": message("Signature"),
            "description": message(
                "For signed webhooks, as a list. The first one signs; while secrets are being replaced, so do"
                " the others."
            ),
            "items": {"type": "string", "minLength": 1},
            "maxItems": 10,
            "secret": True,
            "default": [],
        },
        "oauth2": {
            "type": "object",
            "title": message("OAuth 2"),
            "topic": message("OAuth 2"),
            "description": message("For services that give access tokens."),
            "properties": {
                "token_url": {
                    **_URL,
                    "title": message("Token URL"),
                    "description": message("Where access tokens are given."),
                    "address": True,
                },
                "grant": {
                    "type": "string",
                    "title": message("Grant"),
                    "description": message("How a token is asked for."),
                    "enum": ["client_credentials", "refresh_token", "authorization_code", "jwt_bearer"],
                    "default": "client_credentials",
                },
                "client_id": {
                    "type": "string",
                    "title": message("Client id"),
                    "description": message("As the service shows it."),
                    "minLength": 1,
                    "hint": message("must not be blank"),
                },
                "client_secret": {
                    **_SECRET,
                    "title": message("Client secret"),
                    "description": message("As the service shows it."),
                },
                "client_auth": {
                    "type": "string",
                    "title": message("Client secret is sent"),
                    "description": message("In the body, or as basic authentication."),
                    "enum": ["body", "basic"],
                    "default": "body",
                },
                "refresh_token": {
                    **_SECRET,
                    "title": message("Refresh token"),
                    "description": message("For the grant refresh_token."),
                },
                "scope": {
                    **_TEXT,
                    "title": message("Scope"),
                    "description": message("What the token is asked for, separated by spaces."),
                },
                "audience": {
                    **_TEXT,
                    "title": message("Audience"),
                    "description": message(
                        "Where the service asks for one; for jwt_bearer the token URL without it."
                    ),
                },
                "authorize_url": {
                    **_URL,
                    "pattern": "^$|" + _URL["pattern"],
                    "title": message("Authorise URL"),
                    "description": message(
                        "For the grant authorization_code: where a person lets us in. Save, then press"
                        " Authorise."
                    ),
                    "address": True,
                    "default": "",
                },
                "authorize_params": {
                    "type": "object",
                    "title": message("Authorise parameters"),
                    "description": message(
                        "What else goes into the authorise URL, such as access_type=offline for Google."
                    ),
                    "additionalProperties": {"type": "string"},
                    "default": {},
                },
                "private_key": {
                    **_SECRET,
                    "title": message("Private key"),
                    "description": message(
                        "For the grant jwt_bearer: an RSA key in PEM. Never sent: it signs."
                    ),
                },
                "key_id": {
                    **_TEXT,
                    "title": message("Key id"),
                    "description": message("For the grant jwt_bearer, where the service names its keys."),
                },
                "subject": {
                    **_TEXT,
                    "title": message("Subject"),
                    "description": message("For the grant jwt_bearer: the user that we act for."),
                },
                "address_field": {
                    **_TEXT,
                    "title": message("Address in the answer"),
                    "description": message(
                        "The name of what comes with the token and says which host to call, such as"
                        " instance_url (Salesforce) or api_domain (Zoho, Pipedrive)."
                    ),
                    "pattern": r"^[A-Za-z0-9_.-]*$",
                    "maxLength": 100,
                    "address": True,
                },
            },
            "required": ["token_url", "client_id"],
            "additionalProperties": False,
        },
        "aws": {
            "type": "object",
            "title": message("AWS"),
            "topic": message("AWS"),
            "description": message("For services of AWS, and what signs as they do."),
            "properties": {
                "access_key": {
                    "type": "string",
                    "title": message("Access key"),
                    "description": message("Requests are signed with it (Signature Version 4)."),
                    "pattern": r"^[A-Za-z0-9]+$",
                },
                "secret_key": {
                    "type": "string",
                    "title": message("Secret key"),
                    "description": message("Never sent: it signs."),
                    "minLength": 1,
                    "secret": True,
                },
                "session_token": {
                    **_SECRET,
                    "title": message("Session token"),
                    "description": message("Of temporary credentials."),
                },
                "region": {
                    "type": "string",
                    "title": message("Region"),
                    "description": message("Such as eu-central-1."),
                    "pattern": r"^[a-z0-9-]+$",
                },
                "service": {
                    "type": "string",
                    "title": message("Service"),
                    "description": message("As in the address, such as execute-api, sqs or s3."),
                    "pattern": r"^[a-z0-9-]+$",
                },
            },
            "required": ["access_key", "secret_key", "region", "service"],
            "additionalProperties": False,
        },
        "azure": {
            "type": "object",
            "title": message("Azure"),
            "topic": message("Azure"),
            "description": message("For Service Bus and Event Hubs: a shared access signature."),
            "properties": {
                "key_name": {
                    "type": "string",
                    "title": message("Key name"),
                    "description": message("The name of the policy, such as RootManageSharedAccessKey."),
                    "minLength": 1,
                },
                "key": {
                    "type": "string",
                    "title": message("Key"),
                    "description": message("As the portal shows it. Never sent: it signs."),
                    "minLength": 1,
                    "secret": True,
                },
                "resource": {
                    **_URL,
                    "pattern": "^$|" + r"^[A-Za-z]+://[^/?#\s]+(/\S*)?$",
                    "hint": message("must be an address, such as https://name.servicebus.windows.net/queue"),
                    "title": message("Signed address"),
                    "description": message("That the policy is of; blank: the address of each request."),
                    "address": False,
                    "default": "",
                },
            },
            "required": ["key_name", "key"],
            "additionalProperties": False,
        },
        "jwt": {
            "type": "object",
            "title": message("Shared key"),
            "topic": message("Shared key"),
            "description": message(
                "For services that want a short-lived token (JWT, HS256) signed with a key."
            ),
            "properties": {
                "key": {
                    "type": "string",
                    "title": message("Key"),
                    "description": message(
                        "As the service shows it, in hex and base64 also as id:key. Never sent: it signs."
                    ),
                    "minLength": 1,
                    "secret": True,
                },
                "encoding": {
                    "type": "string",
                    "title": message("Key is written in"),
                    "description": message("How the key is written."),
                    "enum": ["text", "hex", "base64"],
                    "default": "text",
                },
                "key_id": {
                    **_TEXT,
                    "title": message("Key id"),
                    "description": message("Where the service names its keys (kid)."),
                },
                "issuer": {
                    **_TEXT,
                    "title": message("Issuer"),
                    "description": message("Where the service asks for one (iss)."),
                },
                "subject": {
                    **_TEXT,
                    "title": message("Subject"),
                    "description": message("Where the service asks for one (sub)."),
                },
                "audience": {
                    **_TEXT,
                    "title": message("Audience"),
                    "description": message("Where the service asks for one (aud)."),
                },
                "prefix": {
                    "type": "string",
                    "title": message("Before the token"),
                    "description": message("The word before it in the header Authorization."),
                    "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
                    "default": "Bearer",
                },
            },
            "required": ["key"],
            "additionalProperties": False,
        },
        "proxy": {
            "type": "string",
            "title": message("Proxy"),
            "description": message("The proxy to go through, such as http://user:password@proxy:3128."),
            "pattern": r"^$|^[Hh][Tt][Tt][Pp][Ss]?://[^/?#\s]+/?$",
            "hint": message("must start with http:// or https:// and name a host"),
            "secret": True,
            "address": True,
            "default": "",
        },
        "ssl_check": {
            "type": "boolean",
            "title": message("Verify TLS"),
            "description": message("Verify the server's certificate; off is off for all its destinations."),
            "address": True,
            "default": True,
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}
