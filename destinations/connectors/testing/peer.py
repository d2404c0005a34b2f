"""The system at the other end, as `check_contract` needs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from destinations.connectors.base import JSON, Part, Runtime

Description = Mapping[str, Any]


class Peer(ABC):
    """A double of the system, or the real one: what leads there, and what it has been sent.

    Let it answer as the system does, and what it refuses with what systems repeat in such answers:
    credentials and parts of the payload. That is how a secret in a reason is found.
    """

    credentials: Mapping[str, JSON] = {}
    settings: Mapping[str, JSON] = {}
    wrong_credentials: Mapping[str, JSON] | None = None  # None: there is nothing to sign in with
    runtime: Runtime = Runtime(allowed_internal=("127.0.0.0/8",))
    takes_key: bool = True  # whether one delivery's request can hold its idempotency key
    varies: Collection[str] = ()  # fields of a request that are different each time, such as "timestamp"

    @abstractmethod
    def payload(self, number: int) -> JSON:
        """A payload that is accepted, another one for each number; give them different fields, too."""

    def profile(self, number: int) -> Mapping[str, JSON]:
        """The profile of that payload, for connectors with `profile_references`."""
        return {"id": f"profile-{number}"}

    def refused(self) -> Sequence[JSON]:
        """Payloads of which each is refused for what it says, by the connector or by the system."""
        return ()

    def older(self) -> Sequence[tuple[Part, int, Mapping[str, JSON]]]:
        """What earlier versions of the connector have stored, for `migrate`: part, version, and value."""
        return ()

    @abstractmethod
    def requests(self) -> Sequence[Description]:
        """All that came and may have changed something, oldest first, as `describe` has to show it.

        What only the connector knows may be left out; the rest has to be equal, but for masked secrets.
        """

    @abstractmethod
    def received(self) -> Sequence[JSON]:
        """The payloads that the system was given, oldest first; those of a batch one after the other."""

    def state(self) -> JSON:
        """What would be different if something had been changed; beyond requests, such as queues made."""
        return len(self.requests())

    @abstractmethod
    def silent(self) -> AbstractContextManager[object]:
        """Within it the system takes what it is sent, and no answer comes back."""

    def secrets(self) -> Iterable[str]:
        """Secrets beside those that the schemas mark, such as access tokens that were handed out."""
        return ()
