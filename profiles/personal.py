"""Who may see what documents say of people, and how it looks to everybody else.

Whoever may view profiles without PERMISSION sees that there are such profiles, and how they are built.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings

from profiles import names
from profiles.models import Profile

JSON = Any
Path = tuple[str, ...]

VIEW, PERMISSION = "profiles.view_profile", "profiles.see_personal_data"
MASK = "***"
TELLING = 4  # characters: of a shorter text nothing is shown


def may_see(who: Any) -> bool:
    """Whether a person, or the owner of an API token, may know it; tokens that are nobody's may."""
    person = who.owner if hasattr(who, "owner") else who
    return person is None or bool(person.has_perm(PERMISSION))


def may_view(person: Any) -> bool:
    """Whether somebody may see profiles as they are."""
    return bool(person.has_perm(VIEW)) and may_see(person)


def mask_profile(profile: Profile) -> Profile:
    """The same one, to be looked at: it cannot be saved any more."""
    profile.document = masked_document(profile.document)
    return mask_names(profile)


def mask_names(profile: Profile) -> Profile:
    """The same of what lists show, without reading its document."""
    profile.name, profile.email = masked_text(profile.name), masked_text(profile.email)
    profile.is_masked = True
    return profile


def masked_document(document: JSON) -> JSON:
    """What it is built of, but not what it says: everything but its id, or where the installation's
    TRACSYNC_MASKED_PATHS say so and where it has name and e-mail address."""
    paths = _paths(*map(tuple, (settings.TRACSYNC_MASKED_PATHS, *_of_names())))
    if not isinstance(document, dict):
        return document
    masked = _at(document, paths) if settings.TRACSYNC_MASKED_PATHS else _all(document)
    return {**masked, **({"id": document["id"]} if "id" in document else {})}


def masked_text(text: str) -> str:
    """`j***@k***` of an e-mail address, `A***` of other texts."""
    name, at, host = text.partition("@")
    if at and name and host and " " not in text:
        return f"{name[0]}{MASK}@{host[0]}{MASK}"
    return f"{text[0]}{MASK}" if len(text) >= TELLING else MASK if text else ""


def masked_keys(value: dict[str, JSON]) -> dict[str, JSON]:
    """Some documents say of whom something is by a key: an e-mail address is masked there, too."""
    if not any("@" in key for key in value):
        return value
    shown: dict[str, JSON] = {}
    for key, item in value.items():
        name, number = masked_text(key) if "@" in key else key, 1
        while (numbered := name if number == 1 else f"{name} ({number})") in shown:
            number += 1
        shown[numbered] = item
    return shown


def _of_names() -> tuple[list[str], list[str]]:
    return settings.TRACSYNC_NAME_PATHS, settings.TRACSYNC_EMAIL_PATHS


@lru_cache(maxsize=8)
def _paths(*kinds: tuple[str, ...]) -> tuple[Path, ...]:
    return tuple(path for kind in kinds for one in kind for path in names.parse(one))


def _all(value: JSON) -> JSON:
    if isinstance(value, dict):
        return masked_keys({key: _all(item) for key, item in value.items()})
    if isinstance(value, list):
        return [_all(item) for item in value]
    if value is None:
        return value
    return masked_text(value) if isinstance(value, str) else MASK


def _at(value: JSON, paths: tuple[Path, ...]) -> JSON:
    """What stands at one of the paths or below; lists are stepped into, as paths do."""
    if isinstance(value, list):
        return [_at(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {}
    for key, item in value.items():
        below = tuple(path[1:] for path in paths if path[0] == key)
        shown[key] = _all(item) if () in below else _at(item, below) if below else item
    return shown
