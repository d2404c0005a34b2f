"""Who wants to hear of what, and in which language."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from tracsync.models import Incident, NoticeChannel, Preferences

NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"


def has_email() -> bool:
    """Whether this installation can send e-mail."""
    return settings.EMAIL_BACKEND != NO_MAIL


def make_personal() -> None:
    """Staff with an address have a channel of their own, which they may change and turn off."""
    if not has_email():
        return
    theirs = NoticeChannel.objects.filter(user=OuterRef("pk"))
    people = get_user_model().objects.filter(~Exists(theirs), is_active=True, is_staff=True)
    for user in people.exclude(email=""):
        personal(user)


def personal(user: Any) -> NoticeChannel:
    """A person's own channel, whose secrets, which it has none of, may be unreadable."""
    name = f"E-mail to {user.get_username()}"
    name = name if not NoticeChannel.objects.filter(name=name).exists() else f"{name} ({user.pk})"
    defaults = {"name": name, "kind": NoticeChannel.Kind.EMAIL, "language": settings.LANGUAGE_CODE}
    return NoticeChannel.objects.defer("secrets").get_or_create(user=user, defaults=defaults)[0]


def wanting(incident: Incident) -> list[NoticeChannel]:
    """The channels that are told of an incident."""
    now = timezone.now()
    rows = NoticeChannel.objects.filter(Q(muted_until=None) | Q(muted_until__lte=now), enabled=True)
    if incident.destination_id is not None:
        some = NoticeChannel.destinations.through.objects.filter(noticechannel=OuterRef("pk"))
        this = some.filter(destination=incident.destination_id)
        rows = rows.filter(~Exists(some) | Exists(this))
    rows = rows.select_related("user").defer("secrets")
    return [one for one in rows if incident.event in one.events and _can_be_sent(one)]


def _can_be_sent(channel: NoticeChannel) -> bool:
    return channel.kind != NoticeChannel.Kind.EMAIL or bool(recipients(channel))


def recipients(channel: NoticeChannel) -> list[str]:
    """Addresses of e-mail; of other kinds the one that it has, not to be shown. Empty: nothing can be sent.

    Raises UndecryptableValue.
    """
    if channel.kind != NoticeChannel.Kind.EMAIL:
        url = channel.secrets.get("url")
        return [url] if url else []
    if not has_email():
        return []
    if channel.user is None:
        return list(channel.recipients)
    return [channel.user.email] if _may_hear(channel.user) else []


def _may_hear(user: Any) -> bool:
    """Whoever lost the permission to look at destinations, or left, is told nothing more."""
    may_look = any(user.has_perm(f"destinations.{verb}_destination") for verb in ("view", "change"))
    return bool(user.is_active and user.is_staff and user.email and may_look)


def language_of(channel: NoticeChannel) -> str:
    """That of whoever reads it."""
    chosen = Preferences.objects.filter(user=channel.user_id).first() if channel.user_id else None
    return chosen.language if chosen and chosen.language in dict(settings.LANGUAGES) else channel.language
