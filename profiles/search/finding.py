"""Who is meant: profiles by the beginning of an id, of words of a name, or of an e-mail address.

Whatever is searched for costs a bounded number of looks into indexes; nothing is counted or sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from profiles import names
from profiles.documents import MAX_ID_LENGTH
from profiles.models import Profile
from profiles.search.models import SearchWord
from tracsync.common.bounded_lists import id_matches

REACH = 5_000  # profiles with the rarest word that are asked for the other ones
AT_ONCE = 500
MOST_LISTED = 1_000  # by name or e-mail, in a list of profiles
WORDS_EACH = 4  # of one profile that often begin equal: a name's, and those of the address made of it
SHOWN = ("id", "name", "email", "digest", "version", "changed_at", "first_changed_at")


@dataclass(frozen=True, slots=True)
class Found:
    """Profiles, the likeliest first, and whether there may be `more`."""

    profiles: tuple[Profile, ...]
    more: bool = False


def find(text: str, most: int, *, by_name: bool = True) -> Found:
    """The profile with exactly this id, then those by name or e-mail, then those whose ids begin so.

    Without `by_name`, for somebody who may not know names, only ids are looked at.
    """
    term = _clean(text)
    if not term:
        return Found(())
    named, more = _by_name(term, most + 1) if by_name else ([], False)
    by_id = [id for one in (term, *_in_other_case(term)) for id in _by_id(one, most + 1)]
    ids = list(dict.fromkeys([term, *named, *by_id]))
    live = Profile.objects.filter(pk__among=ids).only(*SHOWN)
    rows = {profile.pk: profile for profile in live.order_by()}
    found = [rows[id] for id in ids if id in rows]
    return Found(tuple(found[:most]), more or len(found) > most)


def matching(text: str, using: str = "default", source: str | None = None, *, by_name: bool = True) -> Q:
    """The same of a list, as a condition; of those by name or e-mail the first MOST_LISTED.

    `source`: of whose profiles; None: of all.
    """
    term = _clean(text)
    by_id = with_id(term, using)
    if term.startswith("=") or not by_name:
        return by_id
    named, _more = _by_name(term, MOST_LISTED, source)
    return by_id | Q(pk__among=named) if named else by_id


def with_id(text: str, using: str = "default", field: str = "pk") -> Q:
    """By the beginning of an id alone."""
    term = _clean(text)
    return reduce(or_, [id_matches(one, using, field) for one in (term, *_in_other_case(term))])


def with_email(address: str, most: int, source: str | None = None) -> list[str]:
    """Ids of profiles with exactly this address, whatever its case; of a source or all."""
    wanted = _clean(address).casefold()
    words = SearchWord.objects.filter(word=names.fold(wanted)[: names.MOST_WORD]).order_by("profile_id")
    ids = list(words.values_list("profile_id", flat=True).distinct()[:REACH])
    live = Profile.objects.of_source(source).filter(pk__among=ids)
    live = live.order_by("pk").values_list("pk", "email")
    return [id for id, email in live if email.casefold() == wanted][:most]


def _clean(text: str) -> str:
    """What a database takes, and no longer than an id."""
    return (
        text[: names.LONGEST_SEARCH]
        .encode(errors="replace")
        .decode()
        .replace("\0", "")
        .strip()[:MAX_ID_LENGTH]
    )


def _by_id(term: str, most: int) -> list[str]:
    ids = Profile.objects.filter(id_matches(term)).order_by("pk").values_list("pk", flat=True)
    return list(ids[:most])


def _in_other_case(term: str) -> list[str]:
    """The beginning of an id in capitals, and in small letters: ids are rarely of both."""
    return [] if term.startswith("=") else sorted({term.upper(), term.lower()} - {term})


def _by_name(term: str, most: int, source: str | None = None) -> tuple[list[str], bool]:
    """By the words of names and addresses; behind them, by a part of the address."""
    ids, more = _by_words(names.asked(term), most, source)
    if len(ids) >= most or (ids and "@" in term):
        return ids, more
    others, more_others = _by_words(names.asked_of_address(term), most, source)
    return list(dict.fromkeys([*ids, *others]))[:most], more or more_others


def _by_words(prefixes: Sequence[str], most: int, source: str | None = None) -> tuple[list[str], bool]:
    """Ids of profiles that have a word for each, in the order of the rarest; whether there may be more."""
    if not prefixes:
        return [], False
    rarest, *others = sorted(prefixes, key=_frequency) if len(prefixes) > 1 else prefixes
    reach = REACH if others or source is not None else most * WORDS_EACH
    found = _beginning(rarest).order_by("word", "profile_id").values_list("profile_id", flat=True)
    candidates = list(found[:reach])
    distinct = list(dict.fromkeys(candidates))
    ids: list[str] = []
    for start in range(0, len(distinct), AT_ONCE):
        part = distinct[start : start + AT_ONCE]
        ids += _having_all(part if source is None else _of_source(part, source), others)
        if len(ids) >= most:
            return ids[:most], True
    return ids, len(candidates) == reach


def _frequency(prefix: str) -> int:
    """Of how many words it is the beginning, as far as that matters."""
    return _beginning(prefix).order_by().values("pk")[:REACH].count()


def _having_all(ids: list[str], prefixes: Sequence[str]) -> list[str]:
    left = set(ids)
    for prefix in prefixes:
        words = _beginning(prefix).filter(profile__pk__among=list(left)) if left else None
        left = set(words.values_list("profile_id", flat=True)) if words is not None else left
    return [id for id in ids if id in left]


def _of_source(ids: list[str], source: str) -> list[str]:
    own = {*Profile.objects.of_source(source).filter(pk__among=ids).order_by().values_list("pk", flat=True)}
    return [id for id in ids if id in own]


def _beginning(prefix: str) -> QuerySet[SearchWord]:
    return SearchWord.objects.filter(word__gte=prefix, word__lt=f"{prefix}\U0010ffff")
