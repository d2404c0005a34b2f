"""What Mautic's answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Exchange,
    Field,
    Held,
    Outcome,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.http import rate_limits, replies
from destinations.connectors.redaction import Redactor, cut
from tracsync.common.messages import joined, message

_MAXIMUM = re.compile(r"\bmax of (\d+) entities", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)
MISSING = (404, 410)  # what is said of a contact that is not there
GONE = message("it is not there any more")
_CREATED, _UPDATED, _DELETED = message("created"), message("updated"), message("deleted")
# Parameters of a contact that are not among its fields
PARAMETERS = frozenset(
    {"id", "owner", "stage", "tags", "ipAddress", "lastActive", "overwriteWithBlank", "doNotContact"}
    | {"frequencyRules", "utmtags", "isPublished", "dateAdded", "dateModified", "dateIdentified"}
    | {"createdBy", "createdByUser", "preferredProfileImage"}
)

_PROBLEMS = {
    401: message("Mautic refused the access token again after renewing it"),
    403: message("Mautic does not allow this: let the keys' role view, create, edit and delete contacts"),
    404: message("no Mautic API at this address: check the api_url; after enabling the API clear its cache"),
    407: message("the proxy refused its credentials"),
    410: message("Mautic is gone from this address"),
}


_API_IS_OFF = message("Mautic's API is switched off: switch it on in Configuration, API settings")


class Said:
    """An answer of Mautic, read."""

    def __init__(self, reply: replies.Reply, redactor: Redactor) -> None:
        self.reply, self.redactor = reply, redactor
        body = reply.json() if reply.complete else None
        self.mapping: Mapping[str, JSON] = body if isinstance(body, Mapping) else {}

    @property
    def errors(self) -> list[Mapping[str, JSON]]:
        """The `errors` of a whole answer; the word may occur anywhere in the data and means nothing there."""
        found = self.mapping.get("errors")
        values = found.values() if isinstance(found, Mapping) else found if isinstance(found, list) else []
        return [error for error in values if isinstance(error, Mapping)]

    def raise_if_refused(self) -> None:
        """ConfigurationError for answers that concern every contact alike."""
        problem = _PROBLEMS.get(self.reply.status)
        if 300 <= self.reply.status < 400:
            problem = message("Mautic is elsewhere")
        if any(error.get("type") == "api_disabled" for error in self.errors):
            problem = _API_IS_OFF
        if problem is not None:
            raise ConfigurationError(
                cut(message("%(problem)s (%(reason)s)", problem=problem, reason=self.reason(None)))
            )

    def reason(self, payload: JSON) -> str:
        """Status and messages, without secrets and without the payload's own values."""
        messages = [self.message(error) for error in self.errors]
        if not any(messages):
            return replies.reason(self.reply, self.redactor, payload)
        said = self.redactor.reason("; ".join(messages), payload)
        return cut(message("answered %(status)s: %(said)s", status=self.reply.status, said=said))

    def wait(self) -> float | None:
        """Seconds that Mautic asks everyone to wait: Retry-After, or its rate limit's epoch seconds."""
        return rate_limits.asked(self.reply.status, self.reply.headers)

    def batch_maximum(self) -> int | None:
        """The most contacts that one call may hold, when this answer says that there were more.

        Mautic says so with a 500 (#12443), which repeating cannot cure.
        """
        texts = (_MAXIMUM.search(self.message(error)) for error in self.errors)
        return next((int(found[1]) for found in texts if found), None) if self.reply.status >= 400 else None

    @staticmethod
    def message(error: Mapping[str, JSON]) -> str:
        return str(error.get("message") or error.get("type") or "")


def single(said: Said, body: Mapping[str, JSON]) -> Outcome:
    """The outcome of `contacts/new`: 201 created, 200 merged into a contact that was there."""
    status, exchange = said.reply.status, said.reply.exchange
    if said.errors and 200 <= status < 300:
        return _refused(said.errors[0], said, body, exchange)
    if 200 <= status < 300:
        return _stored(said.mapping.get("contact"), status, body, exchange, said.wait())
    if status in replies.RETRYABLE or status >= 500:
        return Retry(said.reason(body), said.wait(), exchange, not_taken=status in replies.NOT_TAKEN)
    field = _field(said.errors[0]) if said.errors else ""
    return Rejected(said.reason(body), exchange, code=_kind(status), field=field)


def removal(said: Said) -> Outcome:
    """The outcome of `contacts/{id}/delete`: 200 with the contact, 404 when somebody was quicker."""
    status, exchange = said.reply.status, said.reply.exchange
    if status in MISSING:
        return Accepted(detail=GONE, exchange=exchange)
    if 200 <= status < 300 and not said.errors:
        return Accepted(detail=_DELETED, exchange=exchange, after=said.wait())
    if status in replies.RETRYABLE or status >= 500:
        return Retry(said.reason(None), said.wait(), exchange)
    return Rejected(said.reason(None), exchange, code=_kind(status))


def batch(said: Said, bodies: Sequence[Mapping[str, JSON]]) -> list[Outcome]:
    """One outcome per contact of `contacts/batch/new`, by `statusCodes` alone.

    A contact that failed may still be among `contacts`, and `contacts` and `errors` are lists or objects
    depending on which indexes they hold (PHP's arrays).
    """
    if said.reply.status < 300:
        return [_item(said, index, body) for index, body in enumerate(bodies)]
    reason, wait = said.reason(bodies), said.wait()
    return [_all_failed(said, reason, wait, _exchange(said, body, None)) for body in bodies]


def _all_failed(said: Said, reason: str, wait: float | None, exchange: Exchange) -> Outcome:
    status = said.reply.status
    if status in replies.RETRYABLE or status == 503:
        return Retry(reason, wait, exchange, not_taken=status in replies.NOT_TAKEN)
    if status >= 500 and said.batch_maximum() is None:
        return Unknown(
            message("%(reason)s; contacts before the failing one may have been saved", reason=reason),
            exchange,
        )
    return Rejected(reason, exchange)


def halt(said: Said) -> Retry | None:
    """Whether calls after this one should wait."""
    status, wait = said.reply.status, said.wait()
    if status in (429, 503):
        return Retry(message("not tried: Mautic answered %(status)s", status=status), wait, not_taken=True)
    if wait is None:
        return None
    return Retry(message("not tried: Mautic allows no more calls for now"), wait, not_taken=True)


def describe_check(reply: replies.Reply, redactor: Redactor) -> str:
    """The answer to listing one contact, in words; raises ConnectorError when it is not a list."""
    said = Said(reply, redactor)
    if reply.status in replies.RETRYABLE or reply.status >= 500:
        raise Unreachable(said.reason(None), said.wait())
    if reply.status != 200 or "contacts" not in said.mapping:
        raise ConfigurationError(
            message("this does not look like Mautic's API: it answered %(status)s", status=reply.status)
        )
    name = f"Mautic {reply.headers.get('Mautic-Version', '')}".rstrip()
    total = str(said.mapping.get("total", ""))
    time = f"{reply.seconds * 1000:.0f}"
    if not total.isdigit():
        return message("connected to %(name)s, in %(time)s ms", name=name, time=time)
    return message(
        "connected to %(name)s, which holds %(number)s contacts, in %(time)s ms",
        name=name,
        number=total,
        time=time,
    )


def _item(said: Said, index: int, body: Mapping[str, JSON]) -> Outcome:
    code = _at(said.mapping.get("statusCodes"), index)
    found, error = (_at(said.mapping.get(key), index) for key in ("contacts", "errors"))
    if not isinstance(code, int):
        return Unknown(message("Mautic did not say what became of this contact"), _exchange(said, body, None))
    if 200 <= code < 300:
        return _stored(found, code, body, _exchange(said, body, found), said.wait())
    error = {**(error if isinstance(error, Mapping) else {}), "code": code}
    return _refused(error, said, body, _exchange(said, body, error))


def _exchange(said: Said, body: Mapping[str, JSON], answer: JSON) -> Exchange:
    """One contact's part of a batch: nobody's attempt shows another contact."""
    whole = said.reply.exchange
    request, response = (side.partition("\n\n")[0] for side in (whole.request, whole.response))
    sent, got = (json.dumps(part, ensure_ascii=False) for part in (body, answer))
    excerpt = said.redactor.excerpt
    return Exchange(excerpt(f"{request}\n\n[{sent}]"), excerpt(f"{response}\n\n{got}"), whole.status)


def _stored(
    found: JSON, status: int, body: Mapping[str, JSON], exchange: Exchange, after: float | None
) -> Outcome:
    if not (number := _number(found)):
        # An empty contact came back from Mautic 5.0 (#13243).
        return Unknown(message("answered %(status)s without the contact's id", status=status), exchange)
    done = _CREATED if status == 201 else _UPDATED
    return Accepted({"id": number}, cut(joined("; ", (done, *_lost(body, found)))), exchange, after)


def number_and_address(said: Said) -> tuple[str, JSON]:
    """The id and the e-mail of the contact that was asked for, "" for what is not told."""
    found = said.mapping.get("contact")
    fields = found.get("fields") if isinstance(found, Mapping) else None
    known = fields.get("all") if isinstance(fields, Mapping) else None
    return _number(found), known.get("email") or "" if isinstance(known, Mapping) else ""


def fields(said: Said) -> list[Field]:
    """Those that an answer to `fields/contact` lists. Raises ConnectorError where it lists none."""
    if said.reply.status in replies.RETRYABLE or said.reply.status >= 500:
        raise Unreachable(said.reason(None), said.wait())
    listed = said.mapping.get("fields")
    found = listed.values() if isinstance(listed, Mapping) else listed
    if said.reply.status != 200 or not isinstance(found, Iterable):
        raise ConfigurationError(message("Mautic told no fields: %(reason)s", reason=said.reason(None)))
    return [_described(one) for one in found if isinstance(one, Mapping) and one.get("alias")]


def _described(field: Mapping[str, JSON]) -> Field:
    properties = field.get("properties")
    listed = properties.get("list") if isinstance(properties, Mapping) else None
    if isinstance(listed, str):  # before Mautic 2.12: a|b
        listed = listed.split("|")
    values = [one.get("value") if isinstance(one, Mapping) else one for one in listed or ()]
    return Field(
        name=str(field["alias"]),
        title=str(field.get("label") or ""),
        type=str(field.get("type") or ""),
        # Mautic's own entity spells it without the i.
        unique=bool(field.get("isUniqueIdentifier") or field.get("isUniqueIdentifer")),
        choices=tuple(str(value) for value in values if value not in (None, "")),
    )


def held(said: Said) -> Held:
    """What an answer to `contacts/{id}` says of the contact, its tags among its fields."""
    if said.reply.status in MISSING:
        return Held()
    found = said.mapping.get("contact")
    stored = found.get("fields") if isinstance(found, Mapping) else None
    known = stored.get("all") if isinstance(stored, Mapping) else None
    if said.reply.status != 200 or not isinstance(found, Mapping) or not isinstance(known, Mapping):
        return Held(problem=said.reason(None))
    tags = found.get("tags")
    names = [one.get("tag") for one in tags if isinstance(one, Mapping)] if isinstance(tags, list) else []
    return Held({**known, "tags": names})


def _number(found: JSON) -> str:
    number = str(found.get("id") or "") if isinstance(found, Mapping) else ""
    return number if _NUMBER.fullmatch(number) else ""


def _refused(error: Mapping[str, JSON], said: Said, body: Mapping[str, JSON], exchange: Exchange) -> Outcome:
    code = error.get("code")
    refused = message("refused with %(status)s", status=code)
    text = said.redactor.reason(Said.message(error), body)
    reason = cut(joined(": ", (refused, text))) if text else refused
    if isinstance(code, int) and (code in replies.RETRYABLE or code >= 500):
        return Retry(reason, None, exchange)
    return Rejected(reason, exchange, code=_kind(code), field=_field(error))


def _kind(status: JSON) -> str:
    return "invalid_field" if status in (400, 422) else "not_found" if status in MISSING else ""


def _field(error: Mapping[str, JSON]) -> str:
    """The first of the fields that an error is about, "" where it names none."""
    details = error.get("details")
    return next(iter(details), "") if isinstance(details, Mapping) else ""


def _lost(body: Mapping[str, JSON], found: JSON) -> list[str]:
    """What Mautic accepts without storing it: zeros in numeric fields, fields it does not have."""
    notes: list[str] = []
    if zeros := sorted(name for name, value in body.items() if _is_zero(value)):
        fields = ", ".join(zeros)
        notes.append(message("Mautic does not store zero in numeric fields: %(fields)s", fields=fields))
    stored = found.get("fields") if isinstance(found, Mapping) else None
    known = stored.get("all") if isinstance(stored, Mapping) else None
    if isinstance(known, Mapping) and (unknown := sorted(set(body) - set(known) - PARAMETERS)):
        notes.append(message("Mautic has no such field: %(fields)s", fields=", ".join(unknown)))
    return notes


def _is_zero(value: JSON) -> bool:
    """Whether a value counts as zero there: its integer part is what is looked at."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return abs(float(value)) < 1
    except ValueError:
        return False


def _at(container: JSON, index: int) -> JSON:
    """An entry of what PHP wrote as a list or as an object with text keys."""
    if isinstance(container, Mapping):
        return container.get(str(index))
    return container[index] if isinstance(container, list) and index < len(container) else None
