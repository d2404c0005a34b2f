"""By what a person is recognised in texts that are not his or her own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any
from urllib.parse import quote, quote_plus

from django.contrib.admin.utils import quote as quote_for_admin

from profiles.models import Profile


@dataclass(frozen=True)
class Person:
    """The id of the profile, and the e-mail address, as long as it is known."""

    id: str
    email: str = ""

    @classmethod
    def of(cls, profile: Profile) -> Person:
        return cls(profile.pk, profile.email)

    def is_in(self, value: Any) -> bool:
        """Whether a text, bytes of one, or what becomes JSON holds the id or the address, as a whole word."""
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return self._pattern.search(text) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        ids = "|".join(map(re.escape, _spellings(self.id)))
        emails = "|".join(map(re.escape, _spellings(self.email))) if self.email else ""
        either = f"{ids}|(?i:{emails})" if emails else ids
        return re.compile(rf"(?<!\w)(?:{either})(?!\w)")


def _spellings(text: str) -> Iterable[str]:
    """As itself, and as JSON, pages and addresses write it."""
    ways = (str, lambda one: quote(one, safe=""), quote, quote_plus, quote_for_admin, escape)
    plain = [way(text) for way in ways]
    as_json = [json.dumps(text, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)]
    as_json += [json.dumps(one)[1:-1] for one in as_json]  # JSON within JSON
    return dict.fromkeys([*plain, *as_json])
