"""What an HTTP answer says, and what it means for a push."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Exchange,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Stop,
    Unreachable,
)
from destinations.connectors.http import rate_limits
from destinations.connectors.http.wire import decoding
from destinations.connectors.redaction import MASK, SCAN_LIMIT, Redactor, cut
from tracsync.common.messages import Message, joined, message

RETRYABLE = frozenset({408, 423, 425, 429})
# By what they mean (RFC 4918, 11.3; RFC 8470, 5.2; RFC 6585, 4) nothing was carried out. A 408 may come from
# a proxy in front of a server that is still at work, and so may a 5xx.
NOT_TAKEN = frozenset({423, 425, 429})
GONE = (404, 410)  # of one that was asked for
CODES = {404: "not_found", 409: "conflict", 413: "too_large"}  # what a status alone says of a rejection
_MESSAGES = ("message", "error_description", "detail", "error", "title")
_MARKUP = re.compile(r"<[^<>]*>")
_SIGN_IN = re.compile(r"(?<![a-z])(log-?in|sign-?in|o?auth2?|sso)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `body` is without its content coding and cut at the client's limit; `complete` is False
    when it ends early. `coding` is what could not be undone: then the body cannot be read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    seconds: float
    exchange: Exchange
    coding: str = ""

    @property
    def text(self) -> str:
        """The beginning of the body as text, blank if it is none; of a web page without head and markup."""
        kind = self.headers.get("Content-Type", "")
        text = "" if self.coding else decoding.text(self.body[:SCAN_LIMIT], kind)
        if "html" not in kind.lower():
            return text
        _head, body, content = text.partition("<body")
        return html.unescape(_MARKUP.sub(" ", body + content or text))

    def json(self) -> JSON:
        """The body as JSON; None when it is not JSON."""
        try:
            try:
                return json.loads(self.body)
            except UnicodeDecodeError:
                return json.loads(decoding.text(self.body, self.headers.get("Content-Type", "")))
        except (ValueError, RecursionError):
            return None


def outcome(reply: Reply, redactor: Redactor, payload: JSON = None) -> Outcome:
    """What an answer means: 2xx accepted; 408, 423, 425, 429 and 5xx retry; 401, 403 and 407 are the
    destination's problem, 410 its end; the rest rejected. A 403 that says when a rate limit ends is to be
    repeated.
    """
    status = reply.status
    after = rate_limits.asked(status, reply.headers)
    if 200 <= status < 300:
        return Accepted(detail=_answered(status), exchange=reply.exchange, after=after)
    if status == 407:
        return Hold(message("the proxy refused its credentials (407)"), reply.exchange)
    if status in RETRYABLE or status >= 500 or (status == 403 and after is not None):
        not_taken = status in NOT_TAKEN or status == 403
        return Retry(
            reason(reply, redactor, payload, in_short(reply)), after, reply.exchange, not_taken=not_taken
        )
    if status in (401, 403):
        return Hold(reason(reply, redactor, payload), reply.exchange)
    if status == 410:
        return Stop(reason(reply, redactor, payload), reply.exchange)
    code = CODES.get(status, "")
    return Rejected(reason(reply, redactor, payload), reply.exchange, after, code)


def in_short(reply: Reply) -> str:
    """The message of an answer that says little else; "" where more has to be shown, or there is none."""
    body = reply.json()
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
        body = body["error"]
    if not isinstance(body, Mapping) or any(isinstance(one, Mapping | list) and one for one in body.values()):
        return ""
    texts = [body.get(name) for name in _MESSAGES]
    return next((one for one in texts if isinstance(one, str) and one.strip()), "")


def reason(reply: Reply, redactor: Redactor, payload: JSON = None, told: str = "") -> str:
    """Why an answer is a failure, in words. `told`: what is shown of it in the place of its body."""
    if 300 <= reply.status < 400 and (location := reply.headers.get("Location")):
        target = _target(location)
        redirect = message(
            "answered %(status)s, a redirect to %(target)s; redirects are not followed, change the url",
            status=reply.status,
            target=redactor.reason(target, payload) if target else message("an unreadable address"),
        )
        return cut(redirect)
    answered = _answered(reply.status)
    if reply.status in (401, 403):
        answered = message("answered %(status)s: it refused the credentials", status=reply.status)
    if reply.coding:
        coded = message("what it says is encoded as %(name)s and cannot be read", name=reply.coding)
        return joined(": ", (answered, coded))
    said = redactor.reason(told or reply.text, payload)
    return cut(joined(": ", (answered, said))) if said else answered


def meaning_for_check(reply: Reply, redactor: Redactor) -> str:
    """What an answer to HEAD says of the address and the credentials, in words.

    Raises ConnectorError for what a push would not get past. That there is nothing to be had by HEAD is
    no fault of an address that takes POST.
    """
    status = reply.status
    if status in (401, 403, 407):
        by_proxy = message("the proxy refused the credentials: it answered %(status)s to HEAD")
        by_service = message("the service refused the credentials: it answered %(status)s to HEAD")
        raise ConfigurationError((by_proxy if status == 407 else by_service).with_values(status=status))
    if 300 <= status < 400 and (location := reply.headers.get("Location")):
        said = reason(reply, redactor)
        if _SIGN_IN.search(_target(location)):
            page = message("that looks like a sign-in page: the address or the credentials are wrong")
            said = joined("; ", (said, page))
        raise ConfigurationError(said)
    if status >= 500 and status != 501:  # which only says that it knows no HEAD
        raise Unreachable(message("answered %(status)s to HEAD: the server has an error", status=status))
    said = message(
        "answered %(status)s to HEAD in %(number)s ms: reachable",
        status=status,
        number=f"{reply.seconds * 1000:.0f}",
    )
    return joined("; ", (said, caution)) if (caution := _caution(reply)) else said


def _caution(reply: Reply) -> str:
    """What is to be known of an answer that shows that somebody is there, and not that a push is accepted."""
    if reply.status == 429:
        return _too_often(reply)
    if reply.status in (405, 501):
        return message(
            "it takes no HEAD, with which this only asks: send one profile to see whether it is taken"
        )
    if reply.status in GONE:
        return message(
            "perhaps there is nothing at this address: compare it with what the service's documentation says"
        )
    if 200 <= reply.status < 300 and "html" in reply.headers.get("Content-Type", "").lower():
        return message(
            "it is a web page: if that is a sign-in page, the address or the credentials are wrong"
        )
    if reply.status >= 400:
        return message("it did not take a call without a profile: send one to see whether that is taken")
    return ""


def _too_often(reply: Reply) -> Message:
    wait = rate_limits.asked(reply.status, reply.headers)
    if wait is None:
        return message("it is asked too often at the moment: test again later, and see How fast")
    return message(
        "it is asked too often at the moment: test again in %(seconds)s s, and see How fast",
        seconds=f"{math.ceil(wait)}",
    )


@lru_cache(maxsize=100)
def _answered(status: int) -> Message:
    """Made once: most pushes are accepted with one and the same."""
    return message("answered %(status)s", status=status)


def _target(location: str) -> str:
    """Scheme, host and path of an address, as far as it has them: the rest may be secret. "" for none."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    if parts.scheme not in ("", "http", "https") or "\\" in location:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=MASK if parts.query else "", fragment=""))
