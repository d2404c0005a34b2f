"""Systems that take a push as a job and say later what became of it.

What is kept of a push until then is an object: `job` as the system names it, `of` how many items it is, how
the item's entries in the answer are found (`keys`, `place`), its `id` there as far as that is known, what
was known of it before (`was`), and `texts`, what the payload says: reasons are not to repeat it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from destinations.connectors import earlier
from destinations.connectors.base import (
    JSON,
    LONGEST_ID,
    Accepted,
    ConfigurationError,
    ConnectorError,
    Hold,
    Outcome,
    Pending,
    Retry,
    Stop,
    Unknown,
    Unreachable,
)
from destinations.connectors.http import client as http
from destinations.connectors.http import rate_limits, results
from destinations.connectors.http.answers import STILL_AT_WORK, Rule, Split, pointed, sources_of
from destinations.connectors.http.description import NOT_MADE, Description, Jobs
from destinations.connectors.http.replies import Reply
from destinations.connectors.http.results import Sent
from destinations.connectors.redaction import texts
from destinations.notation import NotationError
from tracsync.common.messages import message

MOST_KEPT: Final = 4096  # characters, as JSON: what is kept of a job
LOST: Final = (404, 410)  # of what was to be asked for

Exchange = Callable[[http.Request, str], Reply]
Kept = Mapping[str, Any]


def pending(
    jobs: Jobs, reply: Reply, sent: Sequence[Sent], outcome: Accepted, known: Sequence[Kept] = ()
) -> list[Outcome]:
    """What the accepted answer to a push means for each of its items; nothing if it names no job.

    `known`: what is known of each, where its end has to tell of earlier records.
    """
    job = _named(jobs, reply)
    if job is None:
        return []
    wait = _wait(jobs, reply, outcome.after)
    number = outcome.remote_id
    told = {"id": number} if 0 < len(number) <= LONGEST_ID else {}
    common = {"job": job, "of": len(sent), **told}
    before = [{name: one[name] for name in ("id", earlier.EARLIER) if one.get(name)} for one in known]
    each = [{**common, **({"was": one} if one else {})} for one in before] or [common] * len(sent)
    return [Pending(_kept(*one), wait, exchange=reply.exchange) for one in zip(each, sent, strict=True)]


def _named(jobs: Jobs, reply: Reply) -> dict[str, JSON] | None:
    """A single value is the `id` of an object; where a part is missing there is no job."""
    try:
        value = jobs.name.render(sources_of(reply))
    except NotationError:
        return None
    job = dict(value) if isinstance(value, Mapping) else {"id": value}
    return job if job and all(one not in (None, "") for one in job.values()) else None


def _kept(common: Kept, sent: Sent) -> dict[str, JSON]:
    """The texts only where there is room for them."""
    kept = {**common, "keys": list(sent.keys), "place": sent.place}
    full = {**kept, "texts": list(texts(sent.item))}
    return full if len(json.dumps(full)) + 300 <= MOST_KEPT else kept  # an id may come to it


def _wait(jobs: Jobs, reply: Reply, told: float | None) -> float:
    """Seconds until a job is asked for: those that a rule or the answer says, else the usual."""
    return told or rate_limits.retry_after(reply.headers) or jobs.after


def outcomes(description: Description, exchange: Exchange, kept: Sequence[JSON]) -> list[Outcome]:
    """What became of pushes, each by what is kept of it; Pending again where there is no end yet.

    Items of one job share a call. Raises ConnectorError where none can be asked for now.
    """
    if description.jobs is None:
        raise ConfigurationError(message("poll is not set up: there is no call for it"))
    asking = _Asking(description, description.jobs, exchange)
    found: dict[int, Outcome] = {}
    for group in _groups(kept):
        found.update(zip(group, asking.outcomes([kept[position] for position in group]), strict=True))
    unreadable = message("what was kept of its job cannot be read: it was another connector's")
    return [found.get(position) or Unknown(unreadable) for position in range(len(kept))]


def _groups(kept: Sequence[JSON]) -> Iterator[list[int]]:
    """Positions of those that belong to one job."""
    groups: dict[str, list[int]] = {}
    for position, one in enumerate(kept):
        if isinstance(one, Mapping) and isinstance(one.get("job"), Mapping):
            groups.setdefault(json.dumps(one["job"], sort_keys=True), []).append(position)
    yield from groups.values()


class _Asking:
    """One call of `poll`: its jobs one after the other, until one cannot be asked for."""

    def __init__(self, description: Description, jobs: Jobs, exchange: Exchange) -> None:
        self._is, self._jobs, self._exchange = description, jobs, exchange
        self._has_asked = False
        self._ended: Retry | None = None  # why the rest need not be asked for now

    def outcomes(self, group: Sequence[Kept]) -> list[Outcome]:
        """Of the items of one job."""
        if self._ended is None:
            try:
                return self._asked(group)
            except NOT_MADE as error:
                return [Unknown(str(error))] * len(group)
            except ConnectorError as error:  # what others were told is not to be lost
                if not self._has_asked:
                    raise
                self._ended = Retry(str(error), getattr(error, "after", None))
        wait = self._ended.after or self._jobs.after
        return [Pending(one, wait, self._ended.reason) for one in group]

    def _asked(self, group: Sequence[Kept]) -> list[Outcome]:
        sources = {**self._is.constants, "job": group[0]["job"]}
        request = self._jobs.call.request(sources, None, {})
        try:
            reply = self._exchange(request, "poll")
        except (http.NotSent, http.NoAnswer) as error:
            raise Unreachable(str(error)) from None
        found = self._told(group, reply)
        self._has_asked = True
        return found

    def _told(self, group: Sequence[Kept], reply: Reply) -> list[Outcome]:
        """What an answer says of these. Raises ConnectorError where it says nothing of the job."""
        said = [one.get("texts") for one in group]
        read, rule = self._jobs.answers.read(reply, self._is.redactor, said)
        outcome = read.otherwise if isinstance(read, Split) else read
        has_answer = 200 <= reply.status < 300
        if not has_answer and rule is None and reply.status in LOST:
            lost = message("answered %(status)s: the job is not known there any more", status=reply.status)
            return [Unknown(lost, reply.exchange)] * len(group)
        knows_all = None not in said and len(group) >= group[0].get("of", 0)
        if not knows_all and not _is_fixed(rule):
            outcome = _withheld(outcome, reply)
        if not has_answer and isinstance(outcome, Retry):
            raise Unreachable(outcome.reason, outcome.after)
        if not has_answer and isinstance(outcome, Hold | Stop):
            raise ConfigurationError(outcome.reason)
        if rule is None:
            outcome = self._without_a_rule(reply, outcome, has_answer)
        if isinstance(outcome, Accepted):
            return self._done(group, outcome, reply)
        return [self._going_on(outcome, one, reply) for one in group]

    def _without_a_rule(self, reply: Reply, outcome: Outcome, has_answer: bool) -> Outcome:
        """No rule says that the job has come to an end; of a refused question nothing can be learned."""
        if has_answer:
            wait = _wait(self._jobs, reply, getattr(outcome, "after", None))
            return Pending(None, wait, STILL_AT_WORK, reply.exchange)
        refused = message("answered %(status)s when it was asked what became of the job", status=reply.status)
        return Unknown(refused, reply.exchange)

    def _done(self, group: Sequence[Kept], outcome: Accepted, reply: Reply) -> list[Outcome]:
        """What the job's answer says of each of these items."""
        if self._jobs.results:
            sent = [Sent(one.get("keys", ()), one.get("texts"), one.get("place", 0)) for one in group]
            listed = results.read(self._jobs.results, reply, sent, self._is.redactor)
            found = [
                told if "texts" in one else _withheld(told, reply)
                for told, one in zip(listed, group, strict=True)
            ]
        else:
            number = pointed(self._jobs.remote_id, reply)
            found = [replace(outcome, remote={"id": number}) if number else outcome] * len(group)
        return [self._going_on(told, one, reply) for told, one in zip(found, group, strict=True)]

    def _going_on(self, outcome: Outcome, kept: Kept, reply: Reply) -> Outcome:
        """The outcome with what is known of this item: its id there, and its job while that goes on."""
        if isinstance(outcome, Pending):
            return replace(outcome, job=kept, after=_wait(self._jobs, reply, outcome.after))
        if isinstance(outcome, Accepted):
            if outcome.remote is None and kept.get("id"):
                outcome = replace(outcome, remote={"id": kept["id"]})
            return earlier.noted(outcome, kept.get("was", {}))
        return outcome


def _is_fixed(rule: Rule | None) -> bool:
    """Whether the reason is the rule's own, and nothing of the answer."""
    return rule is not None and rule.says is not None and not rule.says.references and rule.field is None


def _withheld(outcome: Outcome, reply: Reply) -> Outcome:
    """Without what the answer says: it may repeat a payload, and not all of that is known any more."""
    if isinstance(outcome, Accepted):
        return replace(outcome, detail=message("answered %(status)s", status=reply.status), field="")
    kept_back = message(
        "answered %(status)s; why is not shown, as it may repeat a payload that is not known any more",
        status=reply.status,
    )
    return replace(outcome, reason=kept_back, field="")
