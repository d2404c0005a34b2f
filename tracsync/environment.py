"""Reading settings from the environment, with a sentence for each value that cannot be read."""

from __future__ import annotations

import io
import re
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

MAIL = {"django.core.mail.backends.smtp.EmailBackend": "tracsync.notices.smtp.LimitedBackend"}
MAIL_PORTS = {"smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}


_LINE = re.compile(r"\s*|#.*|(?:export )?[A-Za-z_0-9]+=.*")


FILE = "_FILE"  # NAME_FILE names the file that holds NAME: secrets of Docker, Kubernetes and systemd


class Environment(environ.Env):
    """`files`: what was read from files, for the checks of who else can read them."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, Path] = {}

    def read_file(self, path: Path) -> None:
        """Take what the environment does not have from a file of lines such as NAME=value, if there is one.

        Raises ImproperlyConfigured, without the lines: they may hold secrets.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):  # a folder that cannot be is told of right after this
            return
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{path} cannot be read: {type(error).__name__}") from None
        for number, line in enumerate(text.splitlines(), 1):
            if not _LINE.fullmatch(line):
                raise ImproperlyConfigured(f"{path}: line {number} is not NAME=value")
        self.read_env(io.StringIO(text))

    def get_value(self, var: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises ImproperlyConfigured, without the value: it may be a secret."""
        if file := self.ENVIRON.get(f"{var}{FILE}"):
            return self._from_file(var, Path(file), *args, **kwargs)
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(
                f"the value of {var} cannot be read: see docs/configuration.md"
            ) from None

    def _from_file(self, var: str, path: Path, cast: Any = None, **_: Any) -> Any:
        """Raises ImproperlyConfigured, without what is in the file."""
        if self.ENVIRON.get(var):
            raise ImproperlyConfigured(f"{var} and {var}{FILE} are both set: leave one of them")
        try:
            text = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise ImproperlyConfigured(f"{path}, which {var}{FILE} names, is no text") from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ImproperlyConfigured(f"{path}, which {var}{FILE} names, cannot be read ({why})") from None
        if not text:
            raise ImproperlyConfigured(f"{path}, which {var}{FILE} names, is empty")
        self.files[f"{var}{FILE}"] = path
        if cast is list:  # one in a line, or with commas between
            return [one for one in (part.strip() for part in re.split(r"[,\n]", text)) if one]
        try:
            return self.parse_value(text, cast)
        except ValueError:
            raise ImproperlyConfigured(
                f"the value of {var} in {path} cannot be read: see docs/configuration.md"
            ) from None

    def choice(self, var: str, *choices: str) -> str:
        """One of these, the first where nothing is set. Raises ImproperlyConfigured."""
        value: str = self.str(var, default="") or choices[0]
        if value not in choices:
            raise ImproperlyConfigured(f"{var} is none of {', '.join(choices)}")
        return value

    def networks(self, var: str) -> list[str]:
        """Addresses and networks such as 10.0.0.0/8. Raises ImproperlyConfigured."""
        found = [text.strip() for text in self.list(var, default=[])]
        try:
            return [str(ip_network(text)) for text in found]
        except ValueError:
            raise ImproperlyConfigured(
                f"{var} is no list of addresses and networks, such as 10.0.0.5,10.1.0.0/16"
            ) from None

    def pairs(self, var: str) -> dict[str, str]:
        """Names and what they stand for, such as a=x,b=y. Raises ImproperlyConfigured."""
        found = [text.partition("=") for text in self.list(var, default=[])]
        if not all(name.strip() and stands_for.strip() for name, _, stands_for in found):
            raise ImproperlyConfigured(f"{var} is no list of pairs, such as admins=Editor,staff=Viewer")
        return {name.strip(): stands_for.strip() for name, _, stands_for in found}

    def issuer(self, var: str) -> str:
        """The address of an issuer, encrypted unless it is on this machine. Raises ImproperlyConfigured."""
        value: str = self.str(var, default="")
        try:
            parts = urlsplit(value)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        is_here = host in ("localhost", "127.0.0.1", "::1")
        if value and not (host and (parts.scheme == "https" or (is_here and parts.scheme == "http"))):
            raise ImproperlyConfigured(f"{var} is no address such as https://login.example.org")
        return value

    def database(self, var: str, default: str) -> dict[str, Any]:
        """Django's settings for the database at an address. Raises ImproperlyConfigured."""
        config: dict[str, Any] = self.db(var, default=default)
        if "ENGINE" not in config:
            raise ImproperlyConfigured(
                f"{var} is no address of a database, such as postgres://user@host/name"
            )
        if "postgresql" in config["ENGINE"]:
            need("psycopg", var, extra="postgres")
        return config

    def email(self, var: str) -> dict[str, Any]:
        """Django's settings for the mail server at an address; without one e-mail is off. Raises
        ImproperlyConfigured."""
        url = self.str(var, default="") or "dummymail://"
        try:
            config: dict[str, Any] = self.email_url_config(url)
        except (ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured(
                f"{var} is no address of a mail server, such as smtp+tls://user:password@host:587"
            ) from None
        scheme = url.partition(":")[0]
        return {
            "BACKEND": MAIL.get(config["EMAIL_BACKEND"], config["EMAIL_BACKEND"]),
            "HOST": config["EMAIL_HOST"] or "localhost",
            "PORT": config["EMAIL_PORT"] or MAIL_PORTS.get(scheme, 25),
            "HOST_USER": config["EMAIL_HOST_USER"] or "",
            "HOST_PASSWORD": config["EMAIL_HOST_PASSWORD"] or "",
            "USE_TLS": config.get("EMAIL_USE_TLS", False),
            "USE_SSL": config.get("EMAIL_USE_SSL", False),
            "FILE_PATH": f"/{config['EMAIL_FILE_PATH']}",
        }


def need(package: str, var: str, extra: str) -> None:
    """Raises ImproperlyConfigured where the package that a setting asks for is not installed."""
    if find_spec(package) is None:
        raise ImproperlyConfigured(f"{var} needs the extra “{extra}”: pip install 'tracsync[{extra}]'")


def need_too(var: str, other: str, value: str) -> None:
    """Raises ImproperlyConfigured where a setting that another one is nothing without has no value."""
    if not value:
        raise ImproperlyConfigured(f"{var} needs {other}")


def make_private(directory: Path) -> None:
    """A folder for this user only, where there is none yet. Raises ImproperlyConfigured."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"the data folder {directory} cannot be made ({error.strerror}): set TRACSYNC_DATA_DIR"
        ) from None
