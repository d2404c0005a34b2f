"""The profiles of a claim as they are now, read for several destinations together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from profiles.models import Profile
from tracsync.common.prepared import Prepared

AHEAD = 100  # profiles that are read together
FRESH = 0.5  # seconds until what was read is read again

_UNREAD = ("created_at", "deleted_by", "name", "email", "indexed_version", "source")
_PROFILES = Prepared(lambda ids: Profile.with_deleted.filter(pk__among=ids).defer(*_UNREAD).order_by())


class CurrentProfiles:
    """The profiles of a claim as they are now, read for several destinations together.

    `ids`: in the order in which they will be wanted.
    """

    def __init__(self, ids: Iterable[str], ahead: int) -> None:
        self._lock = threading.Lock()
        self._unread = dict.fromkeys(ids)
        self._ahead = ahead
        self._read: dict[str, Profile | None] = {}
        self._read_at = 0.0

    def read(self, ids: Iterable[str]) -> dict[str, Profile]:
        """Those of them that there are."""
        with self._lock:
            wanted = dict.fromkeys(ids)
            if not wanted.keys() <= self._read.keys() or time.monotonic() - self._read_at > FRESH:
                self._read_with_next(wanted)
            return {id: profile for id in wanted if (profile := self._read[id]) is not None}

    def _read_with_next(self, wanted: dict[str, None]) -> None:
        more = [id for id in self._unread if id not in wanted][: max(0, self._ahead - len(wanted))]
        together = [*wanted, *more]
        self._read_at = time.monotonic()
        self._read = dict.fromkeys(together) | {one.pk: one for one in _PROFILES.objects(together)}
        for id in together:
            self._unread.pop(id, None)
