"""Checks that `manage.py check` and every start run: settings that would fail later fail now."""

from typing import Any

from django.conf import settings
from django.core import checks

from tracsync.common import encryption


def register() -> None:
    checks.register(check_keys)
    checks.register(check_numbers)


def check_keys(**_: Any) -> list[checks.CheckMessage]:
    try:
        encryption.encrypt("")
    except Exception as error:
        return [checks.Error(str(error), id="tracsync.E001")]
    return []


def check_numbers(**_: Any) -> list[checks.CheckMessage]:
    errors: list[checks.CheckMessage] = []
    if settings.TRACSYNC_QUIET_PERIOD < 0:
        errors.append(checks.Error("TRACSYNC_QUIET_PERIOD must not be negative", id="tracsync.E002"))
    for name in ("TRACSYNC_CONCURRENCY", "TRACSYNC_BATCH_SIZE", "TRACSYNC_WORKERS"):
        if getattr(settings, name) < 1:
            errors.append(checks.Error(f"{name} must be at least 1", id="tracsync.E003"))
    if settings.TRACSYNC_ATTEMPT_BODIES not in ("none", "asked", "failed", "all"):
        text = "TRACSYNC_ATTEMPT_BODIES must be none, asked, failed or all"
        errors.append(checks.Error(text, id="tracsync.E004"))
    return errors
