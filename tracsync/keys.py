"""Keys made on first start: private files beside the data, outside version control."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from tracsync.environment import make_private

SECRET, ENCRYPTION = "secret_key", "encryption_key"  # the files' names


def secret_keys(directory: Path) -> list[str]:
    """Django's signing keys, the first one to sign with."""
    return _read_or_make(directory / SECRET, new_secret_key())


def encryption_keys(directory: Path) -> list[str]:
    """The keys that credentials are encrypted with at rest, the first one to encrypt with."""
    return _read_or_make(directory / ENCRYPTION, new_encryption_key())


def new_secret_key() -> str:
    return secrets.token_urlsafe(50)


def new_encryption_key() -> str:
    return Fernet.generate_key().decode()


def put_first(path: Path, new: str) -> None:
    """A key that counts first from the next start on; those of before stay."""
    _replace(path, [new, *_read(path)])


def keep_first(path: Path) -> int:
    """Forget all keys but the first; how many."""
    first, *older = _read(path)
    _replace(path, [first])
    return len(older)


def _read(path: Path) -> list[str]:
    """One in a line. Raises ImproperlyConfigured."""
    try:
        found = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"the key in {path} cannot be read: {type(error).__name__}") from None
    if not found:
        raise ImproperlyConfigured(f"there is no key in {path}: bring it back from a copy")
    return found


def _read_or_make(path: Path, new: str) -> list[str]:
    make_private(path.parent)
    if not path.exists():
        _write_once(path, new)
    return _read(path)


def _replace(path: Path, found: list[str]) -> None:
    draft = _draft(path, found)
    os.replace(draft, path)


def _write_once(path: Path, text: str) -> None:
    """Complete or not there at all, also when two processes start at once: the first one wins."""
    draft = _draft(path, [text])
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _draft(path: Path, found: list[str]) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{line}\n" for line in found)
        file.flush()
        os.fsync(file.fileno())
    return draft
