"""Checks that `manage.py check` and every start run: settings that would fail later fail now."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks

from destinations.connectors import registry
from profiles import names
from tracsync.common import encryption
from tracsync.common.terminal import OWN_CHECKS


def register() -> None:
    checks.register(check_keys, OWN_CHECKS)
    checks.register(check_numbers, OWN_CHECKS)
    checks.register(check_paths, OWN_CHECKS)
    checks.register(check_files, OWN_CHECKS)
    checks.register(check_connectors, OWN_CHECKS)
    checks.register(check_email, OWN_CHECKS, deploy=True)


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
    for name in (
        *("TRACSYNC_CONCURRENCY", "TRACSYNC_BATCH_SIZE", "TRACSYNC_WORKERS", "TRACSYNC_WEB_PROCESSES"),
        *("TRACSYNC_TOKEN_DAYS", "TRACSYNC_MAX_TOKEN_DAYS"),
    ):
        if getattr(settings, name) < 1:
            errors.append(checks.Error(f"{name} must be at least 1", id="tracsync.E003"))
    if settings.TRACSYNC_ATTEMPT_BODIES not in ("none", "asked", "failed", "all"):
        text = "TRACSYNC_ATTEMPT_BODIES must be none, asked, failed or all"
        errors.append(checks.Error(text, id="tracsync.E004"))
    return errors


def check_paths(**_: Any) -> list[checks.CheckMessage]:
    errors: list[checks.CheckMessage] = []
    for name in ("TRACSYNC_NAME_PATHS", "TRACSYNC_EMAIL_PATHS", "TRACSYNC_MASKED_PATHS"):
        for path in getattr(settings, name):
            try:
                names.parse(path)
            except ValueError as error:
                errors.append(checks.Error(f"{name}: {error}", id="tracsync.E005"))
    return errors


def check_connectors(**_: Any) -> list[checks.CheckMessage]:
    """A file that cannot be used holds up its own destinations, and no start."""
    return [checks.Warning(problem, id="tracsync.W002") for problem in registry.problems()]


def check_email(**_: Any) -> list[checks.CheckMessage]:
    """Only told by `check --deploy`: a choice, and no mistake."""
    if settings.EMAIL_BACKEND != "django.core.mail.backends.dummy.EmailBackend":
        return []
    text = "e-mail is off: nobody is told by it when a destination breaks"
    return [checks.Info(text, hint="set EMAIL_URL, see docs/notices.md", id="tracsync.I001")]


def check_files(**_: Any) -> list[checks.CheckMessage]:
    """Who can read the data folder has the keys, and with the database the secrets."""
    warnings: list[checks.CheckMessage] = []
    for path in _private_files() if os.name == "posix" else ():
        try:
            mode = path.stat().st_mode & 0o777
        except OSError:  # not there yet, or not for us to see
            continue
        if mode & 0o077:
            wanted = "700" if path.is_dir() else "600"
            text = f"other users of this machine can get at {path} (its mode is {mode:o})"
            warnings.append(
                checks.Warning(text, hint=f"chmod {wanted} {shlex.quote(str(path))}", id="tracsync.W001")
            )
    return warnings


def _private_files() -> Iterator[Path]:
    yield settings.DATA_DIR
    yield from (settings.DATA_DIR / name for name in ("secret_key", "encryption_key"))
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        yield from (Path(f"{database['NAME']}{suffix}") for suffix in ("", "-wal", "-shm", "-journal"))
