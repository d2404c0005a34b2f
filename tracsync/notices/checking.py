"""Whether a channel can be saved: the same for the admin and the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from destinations.connectors.base import ConfigurationError
from destinations.connectors.http.auth import webhook_signature
from destinations.connectors.http.client import normal_url
from tracsync.common.translation import translated
from tracsync.models import Event, NoticeChannel
from tracsync.notices.delivery import SIGNED

MOST_RECIPIENTS = 50
Kind = NoticeChannel.Kind


def check(channel: NoticeChannel) -> None:
    """Raises ValidationError, by field: `events`, `recipients`, `url`, `signing_secret`."""
    errors: dict[str, Any] = {}
    if not isinstance(channel.events, list) or set(map(str, channel.events)) - set(Event.values):
        errors["events"] = _("Choose of these: %(names)s.") % {"names": ", ".join(Event.values)}
    if channel.kind == Kind.EMAIL:
        if channel.user_id is None and (problem := _about_recipients(channel.recipients)):
            errors["recipients"] = problem
    else:
        errors |= _about_secrets(channel)
    if errors:
        raise ValidationError(errors)


def _about_recipients(recipients: Any) -> str:
    if not isinstance(recipients, list) or not 0 < len(recipients) <= MOST_RECIPIENTS:
        return _("Enter 1 to %(most)s e-mail addresses.") % {"most": MOST_RECIPIENTS}
    for one in recipients:
        try:
            validate_email(one)
        except ValidationError:
            return _("%(address)s is no e-mail address.") % {"address": str(one)[:100]}
    return ""


def _about_secrets(channel: NoticeChannel) -> dict[str, str]:
    errors = {}
    url, secret = channel.secrets.get("url"), channel.secrets.get("signing_secret")
    try:
        parts = urlsplit(normal_url(url) if isinstance(url, str) else "")
    except (ConfigurationError, ValueError):
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        errors["url"] = _("Enter the address that notices are posted to, beginning with https://.")
    if channel.kind == Kind.WEBHOOK:
        try:
            webhook_signature.signer(SIGNED, [secret] if isinstance(secret, str) and secret else [])
        except ConfigurationError as error:
            said = translated(str(error)) if secret else _("Enter a secret, which the receiver checks with.")
            errors["signing_secret"] = said
    return errors
