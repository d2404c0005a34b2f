"""`base_url` of a manifest: where all its calls begin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from destinations.connectors.base import JSON, ConfigurationError, Schema
from destinations.connectors.http import client
from destinations.connectors.http.manifests.reading import Manifest
from destinations.connectors.redaction import url_secrets
from tracsync.common.messages import message

SHORTEST_SECRET: Final = 12  # characters of a part of a secret path; shorter ones stand in other texts, too

_CREDENTIALS: Final = re.compile(r"credentials@([A-Za-z_]\w*)", re.ASCII)
_PART_OF_A_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class Address:
    """Fixed, or of the credentials, whole or in part. Raises ManifestError."""

    def __init__(self, manifest: Manifest) -> None:
        text: str = manifest.content["base_url"]
        self._text = text
        self._made = manifest.template(text, ("credentials",), "base_url")
        self._fields = _CREDENTIALS.findall(text)
        declared = manifest.content["credentials"].get("properties", {})
        for name in self._fields:
            if name not in declared:
                unknown = message("%(name)s is no field of the credentials", name=name)
                raise manifest.problem(unknown, "base_url")
        self._is_whole = re.fullmatch(r"`?credentials@[A-Za-z_]\w*`?", text) is not None
        self._is_secret = self._is_whole and declared[self._fields[0]].get("secret") is True
        if not self._is_whole and not re.match(r"https://[^\s@?#\\]+$", text.replace("credentials@", "")):
            needed = message(
                "it must begin with https:// and hold no user name, query or spaces; or be credentials@"
                " of a field that holds the address"
            )
            raise manifest.problem(needed, "base_url")

    def marked(self, schema: Mapping[str, Any]) -> Schema:
        """The credentials' schema; what leads somewhere is marked, and secrets do not follow it elsewhere."""
        fields = {
            name: {**field, "address": True} if name in self._fields else field
            for name, field in schema.get("properties", {}).items()
        }
        return {"additionalProperties": False, **schema, "properties": fields}

    def render(self, credentials: Mapping[str, JSON]) -> str:
        """Only a secret one may have a query. Raises ConfigurationError for what is no address."""
        if not self._is_whole:
            for name in self._fields:
                if not _PART_OF_A_HOST.fullmatch(str(credentials.get(name) or "")):
                    no_part = message(
                        "%(field)s must hold letters, digits, dots and hyphens: it is a part of a host"
                    )
                    raise ConfigurationError(no_part.with_values(field=name))
        url = str(self._made.render({"credentials": credentials}) or "").strip()
        parts = _split(url)
        has_query = parts is not None and parts.query and not self._is_secret
        if parts is None or parts.scheme not in ("http", "https") or has_query or "@" in parts.netloc:
            no_url = message("%(field)s must be an address with https://, without user name and query")
            raise ConfigurationError(no_url.with_values(field=", ".join(self._fields) or "base_url"))
        return client.normal_url(url)

    def secrets(self, url: str) -> Iterator[str]:
        """What follows the host of an address that is secret, as of a webhook, in the form that is sent."""
        if self._is_secret:
            parts = urlsplit(url)
            yield from url_secrets(url)
            yield from (text for text in (parts.path, *parts.path.split("/")) if len(text) >= SHORTEST_SECRET)


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return None
