"""Codes by time (TOTP, RFC 6238) beside the password, and codes on paper for who has lost the phone.

A session counts for nothing until a code was typed in it, however it began: by a password, a link, an issuer,
or before its person had a second factor. docs/decisions says why this is not a package.
"""

from __future__ import annotations

import base64
import secrets
import time
from datetime import timedelta
from enum import Enum
from importlib.util import find_spec
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from tracsync.common.encryption import UndecryptableValue
from tracsync.models import BackupCode, SecondFactor

SEED_BYTES = 20
DIGITS = 6
STEP = 30  # seconds
DRIFT = 1  # steps that a phone's clock may be off
BACKUP_CODES = 10
BACKUP_BYTES = 10
FREE_TRIES = 5
LONGEST_WAIT = timedelta(days=1)
TYPED, AT_ISSUER = "tracsync_second_factor", "tracsync_second_factor_at_issuer"  # in the session


class Missing(Enum):
    """What somebody has to do before they are let in."""

    CODE = "code"
    SET_UP = "set up"


class Answer(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    WAITS = "waits"
    UNREADABLE = "unreadable"  # the app's: no key opens what is stored


def is_offered() -> bool:
    """Whether people can set one up: pictures are drawn by the extra."""
    return find_spec("segno") is not None


def is_required(person: Any) -> bool:
    wanted = settings.TRACSYNC_SECOND_FACTOR
    return wanted == "everybody" or (wanted == "superusers" and person.is_superuser)


def missing(request: HttpRequest, person: Any) -> Missing | None:
    """What lacks in this session."""
    if request.session.get(AT_ISSUER):
        return None
    factor: SecondFactor | None = getattr(person, "second_factor", None)
    if factor is None:
        return Missing.SET_UP if is_required(person) else None
    return None if constant_time_compare(request.session.get(TYPED, ""), factor.mark) else Missing.CODE


def half_signed_in(request: HttpRequest) -> tuple[Any, Missing] | None:
    """Who would be signed in here, and what lacks."""
    if request.user.is_authenticated:  # which finds it out
        return None
    return getattr(request, "tracsync_half_signed_in", None)


def whole(request: HttpRequest, person: Any) -> Any:
    """The person of a session, with their preferences; nobody where a second factor lacks."""
    if not person.is_authenticated:
        return person
    # In one statement: every page of the admin asks for the preferences next.
    together = User.objects.select_related("second_factor", "preferences").defer("second_factor__seed")
    found = together.filter(pk=person.pk).first()
    lacks = missing(request, found) if found else None
    if lacks is None:
        return found or AnonymousUser()
    request.tracsync_half_signed_in = (found, lacks)  # type: ignore[attr-defined]
    return AnonymousUser()


def let_in(request: HttpRequest, factor: SecondFactor) -> None:
    """This session, under a new key."""
    request.session.cycle_key()
    request.session[TYPED] = factor.mark


def new_seed() -> str:
    return base64.b32encode(secrets.token_bytes(SEED_BYTES)).decode()


def address(seed: str, person: Any) -> str:
    """What the picture says to an app."""
    issuer = "tracsync"
    return _totp(seed).get_provisioning_uri(person.get_username(), issuer)


def picture(text: str) -> str:
    """A QR code as SVG, black on white in any theme."""
    import segno

    code = segno.make(text, error="m", micro=False)
    return code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)


def set_up(person: User, seed: str, code: str) -> tuple[SecondFactor, list[str]] | None:
    """The factor and its backup codes; None where the code is none of this seed, or there is one already."""
    step = _step(seed, _plain(code), 0)
    if step is None:
        return None
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        if SecondFactor.objects.filter(pk=person.pk).exists():
            return None
        factor = SecondFactor.objects.create(
            user=person, seed=seed, mark=secrets.token_hex(16), last_step=step
        )
        return factor, new_backup_codes(factor)


def new_backup_codes(factor: SecondFactor) -> list[str]:
    """In place of those there were, to be shown once."""
    codes = [
        base64.b32encode(secrets.token_bytes(BACKUP_BYTES)).decode().lower() for _ in range(BACKUP_CODES)
    ]
    with transaction.atomic():
        factor.backup_codes.all().delete()
        BackupCode.objects.bulk_create(
            BackupCode(factor=factor, digest=BackupCode.digest_of(code)) for code in codes
        )
    return ["-".join(code[n : n + 4] for n in range(0, len(code), 4)) for code in codes]


def check(person: Any, code: str) -> Answer:
    """Each code is right once. From the fifth wrong one on they wait, longer each time; backup ones never."""
    text = _plain(code)
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().defer("seed").filter(pk=person.pk).first()
        if factor is None:
            return Answer.WRONG
        if not (text.isdecimal() and len(text) == DIGITS):
            return _check_backup_code(factor, text)
        if factor.waits_until is not None and factor.waits_until > timezone.now():
            return Answer.WAITS
        try:
            step = _step(factor.seed, text, factor.last_step)
        except UndecryptableValue:
            return Answer.UNREADABLE
        if step is None:
            _note_wrong(factor)
            return Answer.WRONG
        factor.last_step = step
        _note_right(factor)
        return Answer.RIGHT


def _check_backup_code(factor: SecondFactor, text: str) -> Answer:
    used, _ = factor.backup_codes.filter(digest=BackupCode.digest_of(text)).delete()
    if not used:
        return Answer.WRONG
    _note_right(factor)
    return Answer.RIGHT


def _note_right(factor: SecondFactor) -> None:
    factor.wrong, factor.waits_until = 0, None
    factor.save(update_fields=["last_step", "wrong", "waits_until"])


def _note_wrong(factor: SecondFactor) -> None:
    factor.wrong += 1
    beyond = factor.wrong - FREE_TRIES
    if beyond >= 0:
        wait = LONGEST_WAIT if beyond > 10 else min(timedelta(minutes=2**beyond), LONGEST_WAIT)
        factor.waits_until = timezone.now() + wait
    factor.save(update_fields=["wrong", "waits_until"])


def remove(person: Any) -> bool:
    """Whether there was one."""
    return bool(SecondFactor.objects.filter(pk=person.pk).delete()[0])


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _step(seed: str, code: str, after: int) -> int | None:
    """Which step a code is of, if of one around now that comes after the last one that was accepted."""
    now, totp = int(time.time()) // STEP, _totp(seed)
    for step in range(now - DRIFT, now + DRIFT + 1):
        if step > after and constant_time_compare(totp.generate(step * STEP), code.encode()):
            return step
    return None


def _totp(seed: str) -> TOTP:
    return TOTP(base64.b32decode(seed), DIGITS, SHA1(), STEP)  # noqa: S303 - what all apps can do
