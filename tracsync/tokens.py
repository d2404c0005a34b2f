"""The life of an API token: made, rotated, given to somebody, revoked. Whatever does so calls this.

What is wrong is a ValidationError by field, as forms, the API and commands say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from destinations.models import Destination
from profiles import sources
from tracsync import rights
from tracsync.common.rest import scopes as areas
from tracsync.models import ApiToken

OVERLAP = timedelta(hours=24)
MOST_OVERLAP = timedelta(days=30)


def default_end(now: datetime) -> datetime:
    return now + timedelta(days=min(settings.TRACSYNC_TOKEN_DAYS, settings.TRACSYNC_MAX_TOKEN_DAYS))


def check_end(expires_at: datetime | None) -> None:
    """None is never, which is for somebody to say. Raises ValidationError."""
    now, most = timezone.now(), settings.TRACSYNC_MAX_TOKEN_DAYS
    if expires_at is None:
        return
    if expires_at <= now:
        raise ValidationError({"expires_at": _("This is over already.")})
    if expires_at > now + timedelta(days=most, minutes=1):
        text = _("A token that ends does so within %(days)s days.")
        raise ValidationError({"expires_at": text % {"days": most}})


def check_scopes(
    scopes: Sequence[str], destination: Destination | None, source: str, allowed: Iterable[str]
) -> None:
    """Whether there are such scopes, and none that is not `allowed` to be given. Raises ValidationError."""
    if not scopes:
        raise ValidationError({"scopes": _("Choose what it may do.")})
    if unknown := sorted({*scopes} - {*areas.SCOPES}):
        known = ", ".join(areas.SCOPES)
        text = _("There is no scope %(names)s; known are: %(known)s.")
        raise ValidationError({"scopes": text % {"names": ", ".join(unknown)[:200], "known": known}})
    if beyond := [scope for scope in areas.SCOPES if scope in {*scopes} - areas.implied(allowed)]:
        text = _("This may not be given by who does not have it: %(names)s.")
        raise ValidationError({"scopes": text % {"names": ", ".join(beyond)}})
    if destination and (others := sorted({*scopes} - {*areas.OF_ONE_DESTINATION})):
        text = _("A token for one destination cannot have %(names)s, which reaches all of them.")
        raise ValidationError({"scopes": text % {"names": ", ".join(others)}})
    if source:
        _check_source(scopes, destination, source)


def _check_source(scopes: Sequence[str], destination: Destination | None, source: str) -> None:
    if not sources.is_name(source):
        raise ValidationError({"source": sources.NO_NAME})
    if destination:
        raise ValidationError(
            {"source": _("A token is for one destination or for one source, not for both.")}
        )
    if others := sorted({*scopes} - {*areas.OF_ONE_SOURCE}):
        text = _("A token for one source cannot have %(names)s, which reaches the profiles of all.")
        raise ValidationError({"scopes": text % {"names": ", ".join(others)}})


def prepare(
    name: str,
    scopes: Sequence[str],
    *,
    owner: Any,
    expires_at: datetime | None,
    destination: Destination | None = None,
    source: str = "",
    allowed: Iterable[str] = areas.SCOPES,
) -> tuple[ApiToken, str]:
    """A token that is not stored yet, and its text, which is not kept anywhere.

    `owner`: whose it is, None for nobody's. `allowed`: what whoever makes it has. Raises ValidationError.
    """
    check_scopes(scopes, destination, source, allowed)
    if owner is not None:
        check_owner(owner, scopes)
    check_end(expires_at)
    chosen = {"owner": owner, "expires_at": expires_at, "destination": destination, "source": source}
    return ApiToken.generate(name, scopes=in_order(scopes), **chosen)


@transaction.atomic
def create(name: str, scopes: Sequence[str], **chosen: Any) -> tuple[ApiToken, str]:
    """The same, stored. Raises ValidationError also where the name is taken."""
    token, text = prepare(name, scopes, **chosen)
    token.full_clean()
    token.save()
    return token, text


def in_order(scopes: Iterable[str]) -> list[str]:
    given = {*scopes}
    return [scope for scope in areas.SCOPES if scope in given]


def check_owner(owner: Any, scopes: Iterable[str]) -> None:
    """Raises ValidationError where somebody may not do all that it may."""
    beyond = [scope for scope in scopes if not rights.covers(owner, scope)]
    if beyond:
        text = _("%(owner)s may not do all that it may: %(names)s.")
        names = {"owner": owner.get_username(), "names": ", ".join(beyond)}
        raise ValidationError({"owner": text % names})


def rotate(token: ApiToken, overlap: timedelta = OVERLAP, expires_at: Any = ...) -> str:
    """A new text, of as long a life as the one before had; that goes on for the overlap.

    A text that was never used is replaced at once, and the one before it stays: whoever did not get the new
    one asks again, and nothing stops. Raises ValidationError.
    """
    if not timedelta(0) <= overlap <= MOST_OVERLAP:
        text = _("The old one goes on for %(hours)s hours at most.")
        raise ValidationError({"overlap_hours": text % {"hours": MOST_OVERLAP // timedelta(hours=1)}})
    now = timezone.now()
    if expires_at is ...:
        most, life = timedelta(days=settings.TRACSYNC_MAX_TOKEN_DAYS), token.lifetime
        expires_at = None if life is None else now + min(life, most)
    check_end(expires_at)
    with transaction.atomic():
        stored = ApiToken.objects.select_for_update().get(pk=token.pk)
        text = stored.renew(now, now + overlap, expires_at)
        stored.save()
    token.refresh_from_db()
    return text


def give(token: ApiToken, owner: Any) -> None:
    """Make it somebody's. Raises ValidationError."""
    check_owner(owner, token.granted)
    token.owner = owner
    token.save()


def revoke(token: ApiToken) -> None:
    """It stops working at once, and so does what it was rotated from."""
    token.delete()


def find_owner(username: str) -> User:
    """Somebody who may sign in. Raises ValidationError."""
    owner = User.objects.filter(username=username, is_active=True).first()
    if owner is None:
        text = _("There is nobody named %(name)s who may sign in.")
        raise ValidationError({"owner": text % {"name": repr(username)}})
    return owner


def sentences(error: ValidationError) -> str:
    """For a terminal."""
    return " ".join(error.messages)
