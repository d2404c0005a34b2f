"""`check_contract` finds each fault that is planted in a connector, and lets a sound one pass."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Exchange,
    Field,
    Held,
    Hold,
    Outcome,
    Pending,
    Preset,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.redaction import MASK
from destinations.connectors.testing import ContractError, Peer, check_contract

TOKEN = "t0ken-of-the-shelf"


class Shelf:
    """A system that keeps things by key, each with a name; it takes several in a call."""

    def __init__(self) -> None:
        self.things: dict[str, Any] = {}
        self.calls: list[dict[str, Any]] = []
        self.is_silent = False

    def call(self, requests: Sequence[dict[str, Any]], token: str) -> list[str] | None:
        """For each what is wrong with it, "" for nothing; None: no answer comes."""
        if token != TOKEN:
            raise PermissionError(f"{token} is not the token")
        self.calls += copy.deepcopy(list(requests))
        if self.is_silent:
            return None
        return [self._done(request) for request in requests]

    def _done(self, request: dict[str, Any]) -> str:
        key = request["key"]
        if request["do"] != "put":
            return "" if self.things.pop(key, None) else "there is no such thing"
        if not request["body"]["name"]:
            return f"{request['body']} has no name, said to {TOKEN}"
        self.things[key] = request["body"]
        return ""


class ShelfPeer(Peer):
    credentials = {"token": TOKEN}
    wrong_credentials = {"token": "another-t0ken"}

    def __init__(self) -> None:
        self.shelf = Shelf()
        Sound.shelf = self.shelf

    def payload(self, number: int) -> Any:
        return {"name": f"thing {number}", f"only-{number}": number}

    def refused(self) -> Sequence[Any]:
        return [{"name": "", "colour": "ultramarine"}]

    def older(self) -> Sequence[Any]:
        return [("credentials", 1, self.credentials)]

    def requests(self) -> Sequence[Any]:
        return self.shelf.calls

    def received(self) -> Sequence[Any]:
        return [call["body"] for call in self.shelf.calls if call["do"] == "put"]

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.shelf.is_silent = True
        yield
        self.shelf.is_silent = False


class Session:
    def __init__(self, connector: Sound, token: str) -> None:
        self.connector, self.token = connector, token

    def check(self) -> str:
        try:
            self.connector.shelf.call([], self.token)
        except PermissionError:
            raise ConfigurationError("the shelf refused the token") from None
        return "there is a shelf"

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        connector = self.connector
        requests = [connector.request(delivery) for delivery in deliveries]
        try:
            problems = connector.shelf.call(requests, self.token)
        except PermissionError:
            return [Hold("the shelf refused the token")] * len(deliveries)
        if problems is None:
            return connector.unanswered(deliveries)
        return [connector.outcome(*pair) for pair in zip(deliveries, problems, strict=True)]


class Sound:
    slug, name, description, icon = "shelf", "Shelf", "Puts things on a shelf.", "<svg/>"
    batch_size = 10
    operations = ("upsert", "remove")
    credentials_schema = {"type": "object", "properties": {"token": {"type": "string", "secret": True}}}
    settings_schema: dict[str, Any] = {"type": "object"}
    payload_schema: dict[str, Any] = {}
    shelf: Shelf
    session: type[Session] = Session

    @contextmanager
    def open(self, credentials, settings, runtime=None) -> Iterator[Session]:
        yield self.session(self, credentials["token"])

    def describe(self, credentials, settings, delivery) -> dict[str, Any]:
        return {"token": MASK, **self.request(delivery)}

    def request(self, delivery: Delivery) -> dict[str, Any]:
        if delivery.operation == "upsert":
            todo = {"do": "put", "key": delivery.key, "body": delivery.payload}
        else:
            todo = {"do": "take", "key": delivery.key}
        return {**todo, "id": delivery.idempotency_key}

    def outcome(self, delivery: Delivery, problem: str) -> Outcome:
        if problem and delivery.operation == "upsert":
            return Rejected("the shelf wants a name", Exchange(), code="missing_key", field="name")
        return Accepted({"id": delivery.key})

    def unanswered(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [Unknown("no answer")] * len(deliveries)


def test_a_sound_connector_passes() -> None:
    check_contract(Sound(), ShelfPeer())


class Later(Session):
    """Answers everything later, and each the second time that it is asked."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.jobs: list[Outcome] = []
        self.asked: set[int] = set()

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        first = len(self.jobs)
        self.jobs += super().push(deliveries)
        return [Pending({"job": first + place}, 60) for place in range(len(deliveries))]

    def poll(self, jobs: Sequence[Any]) -> Sequence[Outcome]:
        known, self.asked = set(self.asked), self.asked | {one["job"] for one in jobs}
        return [self.jobs[one["job"]] if one["job"] in known else Pending(one, 60) for one in jobs]


def test_a_sound_connector_that_answers_later_passes() -> None:
    class AnswersLater(Sound):
        session = Later

    check_contract(AnswersLater(), ShelfPeer())


FAULTS: dict[str, tuple[type[Sound], str]] = {}


def finds(sentence: str) -> Any:
    """A connector with one fault, and what is said of it."""

    def planted(connector: type[Sound]) -> type[Sound]:
        FAULTS[connector.__name__] = connector, sentence
        return connector

    return planted


class _After(Session):
    """What push returns, made wrong."""

    def push(self, deliveries):
        return self.spoilt(list(super().push(deliveries)))

    def spoilt(self, outcomes):
        raise NotImplementedError


@finds("outcomes for")
class OneOutcomeTooFew(Sound):
    class session(_After):
        def spoilt(self, outcomes):
            return outcomes[:-1] or outcomes


@finds("returns a NoneType where an outcome is wanted")
class NoOutcome(Sound):
    class session(_After):
        def spoilt(self, outcomes):
            return [None] * len(outcomes)


@finds("A good payload beside a bad one is not accepted")
class AnotherOrder(Sound):
    class session(_After):
        def spoilt(self, outcomes):
            return outcomes[::-1]


@finds("One bad item fails alone")
class AllFailWithOne(Sound):
    class session(_After):
        def spoilt(self, outcomes):
            bad = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
            return bad[:1] * len(outcomes) if bad else outcomes


@finds("One bad item fails alone")
class AWholeBatchFailsWithOne(Sound):
    batch_size = 100

    class session(_After):
        def spoilt(self, outcomes):
            bad = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
            return bad[:1] * len(outcomes) if bad and len(outcomes) == 100 else outcomes


@finds("One bad item fails alone")
class AllAreTriedAgainWithOne(Sound):
    def outcome(self, delivery, problem):
        if problem and delivery.operation == "upsert":
            return Retry("perhaps later")
        return super().outcome(delivery, problem)

    class session(_After):
        def spoilt(self, outcomes):
            return (
                [Retry("perhaps later")] * len(outcomes) if Retry("perhaps later") in outcomes else outcomes
            )


@finds("A payload that is refused for what it says is to be Rejected, and is Retry")
class RetriesWhatCannotBe(Sound):
    def outcome(self, delivery, problem):
        outcome = super().outcome(delivery, problem)
        return Retry("later") if isinstance(outcome, Rejected) else outcome


@finds("does not pass the idempotency key on")
class NoKey(Sound):
    def request(self, delivery):
        request = super().request(delivery)
        return {name: value for name, value in request.items() if name != "id"}


@finds("A repeat of a delivery is not the same request")
class AnotherRequestEachTime(Sound):
    tries = 0

    def request(self, delivery):
        self.tries += 1
        return {**super().request(delivery), "try": self.tries}


@finds("got no answer has to be Unknown, and is Retry")
class NoAnswerIsRetried(Sound):
    def unanswered(self, deliveries):
        return [Retry("no answer")] * len(deliveries)


@finds("It raises Unreachable where it must not")
class NoAnswerIsRaised(Sound):
    def unanswered(self, deliveries):
        raise Unreachable("no answer")


@finds("The repeat of what got no answer is another request")
class ForgetsTheKeyOfWhatGotNoAnswer(Sound):
    doubted = False

    def unanswered(self, deliveries):
        self.doubted = True
        return super().unanswered(deliveries)

    def request(self, delivery):
        return {**super().request(delivery), "again": self.doubted}


@finds("A secret stands in an outcome Rejected")
class SecretInAReason(Sound):
    def outcome(self, delivery, problem):
        outcome = super().outcome(delivery, problem)
        return Rejected(f"refused: {TOKEN}") if isinstance(outcome, Rejected) else outcome


@finds("A secret stands in an outcome Accepted")
class SecretInAnExchange(Sound):
    def outcome(self, delivery, problem):
        outcome = super().outcome(delivery, problem)
        return Accepted(exchange=Exchange(f"token: {TOKEN}")) if isinstance(outcome, Accepted) else outcome


@finds("A secret stands in what describe shows")
class SecretInTheDescription(Sound):
    def describe(self, credentials, settings, delivery):
        return {**super().describe(credentials, settings, delivery), "token": credentials["token"]}


@finds("A secret stands in the log")
class SecretInTheLog(Sound):
    class session(Session):
        def push(self, deliveries):
            logging.getLogger("shelf").info("pushing with %s", self.token)
            return super().push(deliveries)


@finds("A secret stands in what check raises")
class SecretBehindAnError(Sound):
    class session(Session):
        def check(self):
            try:
                self.connector.shelf.call([], self.token)
            except PermissionError as error:
                raise ConfigurationError("refused") from error
            return "there is a shelf"


@finds("A secret stands in the repr of its session")
class SecretInARepr(Sound):
    class session(Session):
        def __repr__(self):
            return f"Session({self.token})"


@finds("A reason repeats what the payload says")
class PayloadInAReason(Sound):
    def outcome(self, delivery, problem):
        if problem and delivery.operation == "upsert":
            return Rejected(f"no name: {delivery.payload}")
        return super().outcome(delivery, problem)


@finds("With wrong credentials check has to raise ConfigurationError")
class NeverChecksTheToken(Sound):
    class session(Session):
        def check(self):
            return "there is a shelf"


@finds("push has to raise ConfigurationError or answer Hold; it answers Rejected")
class WrongCredentialsAreAPayloads(Sound):
    class session(_After):
        def spoilt(self, outcomes):
            return [Rejected("refused") if isinstance(one, Hold) else one for one in outcomes]


@finds("check changes something")
class ChecksByWriting(Sound):
    class session(Session):
        def check(self):
            said = super().check()
            self.connector.shelf.call([{"do": "put", "key": "check", "body": {"name": "check"}}], self.token)
            return said


@finds("describe changes something")
class DescribesByDoing(Sound):
    def describe(self, credentials, settings, delivery):
        self.shelf.call([self.request(delivery)], credentials["token"])
        return super().describe(credentials, settings, delivery)


@finds("describe does not show what is sent, in: body.note")
class SendsMoreThanItShows(Sound):
    def describe(self, credentials, settings, delivery):
        told = super().describe(credentials, settings, delivery)
        body = {name: value for name, value in told["body"].items() if name != "note"}
        return {**told, "body": body}

    def request(self, delivery):
        request = super().request(delivery)
        if "body" in request:
            request["body"] = {**request["body"], "note": "from tracsync"}
        return request


@finds("something is shared between deliveries")
class SharesAPayload(Sound):
    body: dict[str, Any] = {}

    def request(self, delivery):
        request = super().request(delivery)
        if "body" in request:
            self.body.update(request["body"])
            request["body"] = self.body
        return request


@finds("It changes the payload that it is handed")
class ChangesThePayload(Sound):
    def request(self, delivery):
        if delivery.payload:
            delivery.payload["sent by"] = "tracsync"
        return super().request(delivery)


@finds("remove of what is gone already is to be accepted, and is Rejected")
class RefusesWhatIsGone(Sound):
    def outcome(self, delivery, problem):
        return Rejected("no such thing") if problem else super().outcome(delivery, problem)


@finds("and it does not say that it needs_remote")
class RemovesByItsOwnId(Sound):
    def outcome(self, delivery, problem):
        if delivery.operation == "remove" and not delivery.remote:
            return Rejected("it is not known there", code="missing_key")
        return super().outcome(delivery, problem)


@finds("It needs_remote to take profiles away, and Accepted has no remote")
class TellsNoId(Sound):
    needs_remote = True

    def outcome(self, delivery, problem):
        found = super().outcome(delivery, problem)
        return Accepted() if isinstance(found, Accepted) else found


@finds("remove is accepted, and nothing has come to the other side")
class RemovesNothing(Sound):
    class session(Session):
        def push(self, deliveries):
            if deliveries[0].operation == "remove":
                return [Accepted()] * len(deliveries)
            return super().push(deliveries)


@finds("accepts a delivery of which nothing has come")
class SendsNothing(Sound):
    class session(Session):
        def push(self, deliveries):
            return [Accepted()] * len(deliveries)


@finds("It raises KeyError where it must not")
class Stumbles(Sound):
    class session(Session):
        def push(self, deliveries):
            return [{"put": 1}[delivery.operation] for delivery in deliveries]


@finds("poll returns 0 outcomes for 1 jobs")
class ForgetsItsJobs(Sound):
    class session(Later):
        def poll(self, jobs):
            return []


@finds("A job is pending still when it was asked for 20 times")
class NeverSays(Sound):
    class session(Later):
        def poll(self, jobs):
            return [Pending(one, 60) for one in jobs]


@finds("What the peer gives as settings does not fit")
class WantsASetting(Sound):
    settings_schema = {"type": "object", "required": ["colour"]}


@finds("The preset Boxes does not fit the schema: lid is not a known field")
class OffersWhatDoesNotFit(Sound):
    settings_schema = {"type": "object", "additionalProperties": False}
    presets = (Preset("Boxes", settings={"lid": True}),)


@finds("The class cannot be used: its version is 2, and it has no migrate")
class HasNoMigration(Sound):
    version = 2


@finds("migrate loses a secret of the credentials of version 1")
class LosesASecret(Sound):
    version = 2

    def migrate(self, part, old, version):
        return {"name": old["token"]}


class _Reads(Sound):
    abilities = ("fields", "read")

    class session(Session):
        def fields(self):
            return [Field("name")]

        def read(self, deliveries):
            return [Held(self.connector.shelf.things[one.key]) for one in deliveries]


def test_one_that_reads_passes() -> None:
    check_contract(_Reads(), ShelfPeer())


@finds("fields changes something")
class LooksByWriting(_Reads):
    class session(_Reads.session):
        def fields(self):
            self.connector.shelf.call([{"do": "put", "key": "x", "body": {"name": "x"}}], self.token)
            return super().fields()


@finds("fields tells something else than Field objects")
class TellsTexts(_Reads):
    class session(_Reads.session):
        def fields(self):
            return ["name"]


@finds("read does not tell one Held for each delivery")
class ReadsOne(_Reads):
    class session(_Reads.session):
        def read(self, deliveries):
            return super().read(deliveries)[:1]


@finds("read does not find a profile that was accepted")
class FindsNothing(_Reads):
    class session(_Reads.session):
        def read(self, deliveries):
            return [Held()] * len(deliveries)


@finds("read does not tell what was sent just before")
class TellsAnother(_Reads):
    class session(_Reads.session):
        def read(self, deliveries):
            return [Held({"name": "another"})] * len(deliveries)


class _NestedPeer(ShelfPeer):
    def payload(self, number):
        return {"name": {**super().payload(number), "a": number, "b": number}}


def reading(change) -> type[Sound]:
    """A connector whose sessions tell what is held with a change to what is within `name`."""

    class Changed(_Reads):
        class session(_Reads.session):
            def read(self, deliveries):
                held = [one.payload for one in super().read(deliveries)]
                return [Held({**one, "name": change(one["name"])}) for one in held]

    return Changed


def test_more_may_be_held_within_an_object() -> None:
    check_contract(reading(lambda name: {**name, "more": 1})(), _NestedPeer())


@pytest.mark.parametrize("change", [lambda name: {**name, "a": -1}, lambda name: {"b": name["b"]}, str])
def test_what_was_sent_within_an_object_has_to_be_held(change) -> None:
    with pytest.raises(ContractError, match="read does not tell what was sent just before"):
        check_contract(reading(change)(), _NestedPeer())


@finds("A secret stands in what read tells")
class SecretInWhatIsHeld(_Reads):
    class session(_Reads.session):
        def read(self, deliveries):
            return [Held({**one.payload, "by": self.token}) for one in deliveries]


@pytest.mark.parametrize(("connector", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(connector: type[Sound], sentence: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_contract(connector(), ShelfPeer())
    assert any(sentence in fault for fault in caught.value.faults), caught.value
    assert TOKEN not in str(caught.value)


def test_all_faults_are_told_at_once() -> None:
    class Both(NoKey, ChecksByWriting):
        session = ChecksByWriting.session

    with pytest.raises(
        ContractError, match=r"(?s)shelf breaks the contract:.*check changes.*idempotency key"
    ):
        check_contract(Both(), ShelfPeer())
