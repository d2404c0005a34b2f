"""Keys made on first start: private files beside the data, outside version control."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet

from tracsync.environment import make_private


def secret_key(directory: Path) -> str:
    """Django's signing key."""
    return _read_or_make(directory / "secret_key", secrets.token_urlsafe(50))


def encryption_key(directory: Path) -> str:
    """The key that credentials are encrypted with at rest."""
    return _read_or_make(directory / "encryption_key", Fernet.generate_key().decode())


def _read_or_make(path: Path, new: str) -> str:
    make_private(path.parent)
    if not path.exists():
        _write_once(path, new)
    return path.read_text().strip()


def _write_once(path: Path, text: str) -> None:
    """Complete or not there at all, also when two processes start at once: the first one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
