"""The headers that people may set."""

from __future__ import annotations

import re
from collections.abc import Mapping

from requests.structures import CaseInsensitiveDict

from destinations.connectors.base import ConfigurationError
from tracsync.common.messages import message

# They say how a message is sent over one connection, and that is decided where it is sent. A second word on
# where the body ends, beside our own, makes one request be read as two.
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "expect", "http2-settings", "keep-alive", "proxy-authenticate"}
    | {"proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")  # control characters, and what Latin-1 has not


def checked_headers(*sources: Mapping[str, str]) -> CaseInsensitiveDict[str]:
    """One set of headers, later sources winning. Raises ConfigurationError naming an unusable one."""
    merged: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    for source in sources:
        if len({name.lower() for name in source}) < len(source):
            raise ConfigurationError(
                message("a header is given twice; upper and lower case make no difference")
            )
        for name, value in source.items():
            check_header(name, value)
            merged[name] = value.strip()
    return merged


def is_sendable(value: str) -> bool:
    """Whether a header can carry this value: nothing that ends it, and only what Latin-1 has."""
    return not _UNSENDABLE.search(value)


def check_header(name: str, value: str) -> None:
    """Raises ConfigurationError for what cannot be a header, or not one that people may set."""
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigurationError(message("a header's name may hold only letters, digits and -_."))
    if not is_sendable(value):
        raise ConfigurationError(
            message("the value of header %(name)s holds characters that a header cannot carry", name=name)
        )
    kind = name.lower().replace("_", "-")  # which many a server reads as one
    if kind in _OF_THE_CONNECTION:
        raise ConfigurationError(
            message(
                "the header %(name)s cannot be set: it belongs to the connection, not to the request",
                name=name,
            )
        )
    if kind == "host":
        raise ConfigurationError(message("the header Host cannot be set: it is always the host of the url"))
    if kind == "proxy-authorization":
        raise ConfigurationError(
            message("the header Proxy-Authorization cannot be set: give the proxy's user name in its address")
        )
