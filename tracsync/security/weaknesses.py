"""System checks of what is weak: each in a sentence, with what cures it as the hint.

What the settings say is told by every command; what may be meant so, and what is in the database, by
`check --deploy`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import check_password
from django.core import checks
from django.core.checks import CheckMessage
from django.db import DatabaseError, connection
from django.utils import timezone

from tracsync.common.installation import command
from tracsync.common.terminal import OWN_CHECKS
from tracsync.models import ApiToken
from tracsync.security import rotation

SHORTEST_KEY = 32  # characters
FEWEST_KINDS = 8  # different ones in a key
PLACEHOLDERS = ("CHANGE-ME", "CHANGEME", "django-insecure")
GUESSED = ("admin", "password", "tracsync", "changeme", "12345678")
MOST_PEOPLE = 20  # whose passwords are guessed: each guess takes a part of a second
MOST_NAMES = 5
LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]", "")


def register() -> None:
    checks.register(check_secret_key, OWN_CHECKS)
    checks.register(check_setting_files, OWN_CHECKS)
    checks.register(check_debug, OWN_CHECKS)
    checks.register(check_scopes, OWN_CHECKS)
    of_people = (check_tokens, check_passwords, check_second_factors)
    for check in (check_connections, *of_people, check_encryption_keys):
        checks.register(check, OWN_CHECKS, deploy=True)


def check_secret_key(**_: Any) -> list[CheckMessage]:
    """Whoever guesses it signs in as anybody."""
    cure = "make one: python -c 'import secrets; print(secrets.token_urlsafe(50))', see docs/keys.md"
    named = [("SECRET_KEY", settings.SECRET_KEY)]
    named += [("a key of SECRET_KEY_FALLBACKS", key) for key in settings.SECRET_KEY_FALLBACKS]
    found: list[CheckMessage] = []
    for name, key in named:
        if key.startswith(PLACEHOLDERS):
            text = f"{name} is the placeholder of an example, which everybody knows"
            found.append(checks.Error(text, hint=cure, id="tracsync.E006"))
        elif len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_KINDS:
            text = f"{name} is short or uniform enough to be guessed: it signs sessions and links"
            found.append(checks.Warning(text, hint=cure, id="tracsync.W010"))
    return found


def check_setting_files(**_: Any) -> list[CheckMessage]:
    """Of files that settings are read from."""
    found: list[CheckMessage] = []
    for name, path in settings.TRACSYNC_SETTING_FILES.items() if os.name == "posix" else ():
        try:
            mode = path.stat().st_mode & 0o777
        except OSError:  # it was read, and is away again: as it should be with some
            continue
        if mode & 0o007:
            text = f"everybody on this machine can get at {path}, which {name} names (its mode is {mode:o})"
            cure = f"chmod o-rwx {shlex.quote(str(path))}, or in Kubernetes defaultMode: 0440 of the volume"
            found.append(checks.Warning(text, hint=cure, id="tracsync.W011"))
    return found


def check_debug(**_: Any) -> list[CheckMessage]:
    if not settings.DEBUG:
        return []
    text = "TRACSYNC_DEBUG is on: whoever meets an error sees code, settings and what was sent"
    return [checks.Warning(text, hint="leave it out but where you develop", id="tracsync.W012")]


def check_scopes(**_: Any) -> list[CheckMessage]:
    """In a project of somebody else, whose settings were taken over from an earlier release."""
    rest: dict[str, Any] = settings.REST_FRAMEWORK
    wanted = {
        "DEFAULT_PERMISSION_CLASSES": "tracsync.api.tokens.InScope",
        "DEFAULT_FILTER_BACKENDS": "tracsync.api.tokens.OwnDestination",
    }
    missing = [name for name, one in wanted.items() if one not in rest.get(name, ())]
    if not missing:
        return []
    text = f"nothing asks for the scopes of API tokens: {', '.join(missing)} of REST_FRAMEWORK say otherwise"
    return [checks.Error(text, hint="take REST_FRAMEWORK over from tracsync.settings", id="tracsync.E008")]


def check_connections(**_: Any) -> list[CheckMessage]:
    """What is not encrypted, or open to whoever reaches it, on the network."""
    found: list[CheckMessage] = []
    others = [host for host in settings.ALLOWED_HOSTS if host not in LOOPBACK]
    if others and not settings.HTTPS:
        text = f"tracsync answers to {others[0]} without HTTPS: passwords, tokens and profiles can be read"
        cure = "put a proxy that speaks TLS in front and set TRACSYNC_HTTPS=true, see docs/deployment.md"
        found.append(checks.Warning(text, hint=cure, id="tracsync.W013"))
    if "*" in settings.ALLOWED_HOSTS:
        text = "TRACSYNC_ALLOWED_HOSTS is *: links in mails can be made to lead elsewhere"
        found.append(checks.Warning(text, hint="name the hosts that it is reached by", id="tracsync.W014"))
    redis = urlsplit(settings.REDIS_URL)
    if (redis.hostname or "") not in LOOPBACK and not redis.password:
        text = f"Redis at {redis.hostname} asks for no password: whoever reaches it can take wake-ups away"
        found.append(
            checks.Warning(text, hint="set requirepass there, and it in REDIS_URL", id="tracsync.W015")
        )
    database = settings.DATABASES["default"]
    if database.get("HOST", "") not in LOOPBACK and not database.get("PASSWORD"):
        text = (
            f"PostgreSQL at {database['HOST']} is asked without a password: whoever reaches it may be let in"
        )
        cure = "let pg_hba.conf ask for scram-sha-256, and set the password in DATABASE_URL"
        found.append(checks.Warning(text, hint=cure, id="tracsync.W016"))
    return found


def check_tokens(**_: Any) -> list[CheckMessage]:
    """API tokens that nobody will miss, or whom nobody is responsible for."""
    try:
        alive = ApiToken.objects.exclude(expires_at__lte=timezone.now()).order_by("name")
        endless = list(alive.filter(expires_at=None).values_list("name", flat=True))
        nobodys = list(alive.filter(owner=None).values_list("name", flat=True))
        keyed = list(alive.filter(text_hash="").values_list("name", flat=True))
    except DatabaseError:  # no tables yet
        return []
    found: list[CheckMessage] = []
    if endless:
        text = f"API tokens without an end: {_named(endless)}"
        cure = "give each an end, among the API tokens of the admin"
        found.append(checks.Warning(text, hint=cure, id="tracsync.W017"))
    if nobodys:
        text = f"API tokens that are nobody's, and end with nobody: {_named(nobodys)}"
        cure = f"{command('tokens')} --give NAME USERNAME"
        found.append(checks.Warning(text, hint=cure, id="tracsync.W018"))
    if keyed:
        text = f"API tokens that would end with SECRET_KEY, as they were not used lately: {_named(keyed)}"
        cure = "use each once before the key is changed, or keep it in SECRET_KEY_FALLBACKS until then"
        found.append(checks.Info(text, hint=cure, id="tracsync.I002"))
    return found


def check_passwords(**_: Any) -> list[CheckMessage]:
    """Of those who may give rights: whether theirs is the first one that somebody tries."""
    try:
        people = list(get_user_model().objects.filter(is_superuser=True, is_active=True)[:MOST_PEOPLE])
    except DatabaseError:
        return []
    weak = [person.get_username() for person in people if _is_guessed(person)]
    if not weak:
        return []
    text = f"superusers with a password that is tried first: {_named(weak)}"
    cure = f"{command('changepassword')} {shlex.quote(weak[0])}"
    return [checks.Warning(text, hint=cure, id="tracsync.W019")]


def check_second_factors(**_: Any) -> list[CheckMessage]:
    """Of those who may do everything, where nobody is asked for one: whose password alone is enough."""
    if settings.TRACSYNC_SECOND_FACTOR != "optional":
        return []
    try:
        people = get_user_model().objects.filter(is_superuser=True, is_active=True, second_factor=None)
        alone = [one.get_username() for one in people.order_by("username") if one.has_usable_password()]
    except DatabaseError:
        return []
    if not alone:
        return []
    text = f"superusers whose password alone lets in, without a second factor: {_named(alone)}"
    cure = "set TRACSYNC_SECOND_FACTOR=superusers, which needs pip install 'tracsync[second-factor]'"
    return [checks.Warning(text, hint=cure, id="tracsync.W021")]


def check_encryption_keys(databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """With `--database default` what is encrypted is looked through: that may take minutes."""
    older = len(settings.TRACSYNC_ENCRYPTION_KEYS) - 1
    if older < 1:
        return []
    if databases and connection.alias in databases:
        left = rotation.anything_left()
        if left:
            text = f"something is still encrypted under an older key, such as in {left}"
            return [checks.Warning(text, hint=f"run {command('rotate_keys')}", id="tracsync.W020")]
        text, cure = "nothing is left under the older encryption keys", "drop them, see docs/keys.md"
        return [checks.Info(text, hint=cure, id="tracsync.I003")]
    text = f"there are {older} older encryption keys beside the first"
    cure = f"run {command('rotate_keys')}, then drop them, see docs/keys.md"
    return [checks.Info(text, hint=cure, id="tracsync.I003")]


def _is_guessed(person: Any) -> bool:
    return any(check_password(guess, person.password) for guess in _guesses(person))


def _guesses(person: Any) -> Iterator[str]:
    yield from (person.get_username(), *GUESSED)


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
