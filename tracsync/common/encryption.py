"""Values that are encrypted at rest: credentials, settings, access tokens, kept bodies.

The keys are TRACSYNC_ENCRYPTION_KEYS: the first encrypts, all decrypt.
"""

import enum
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from tracsync.common.messages import message

_LACKS_KEY = message(
    "a stored secret cannot be decrypted: TRACSYNC_ENCRYPTION_KEYS lacks the key it was written with"
)


SHORT = 10_000  # characters: kept bodies may be longer, and are read once
DUMPED = "encrypted:"  # what a value begins with in a dump


class UndecryptableValue(Exception):
    """None of the keys opens a stored value; it is never treated as empty."""


if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]  # it holds any JSON value, not only text
else:
    TextField = models.TextField


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What a dump holds and no key opens: it is stored as it came, until its key is there again."""

    text: str


class EncryptedJSONField(TextField):
    """Any JSON value, readable only with the key; `dumpdata` and `loaddata` see what is stored."""

    def get_prep_value(self, value: Any) -> Any:
        """Raises ValueError for a text of a dump that is not encrypted, without the text."""
        if isinstance(value, _Sealed):
            if not value.text.startswith(DUMPED):
                raise ValueError(f"{self.name} is not encrypted: dumps of older versions cannot be loaded")
            return value.text.removeprefix(DUMPED)
        return None if value is None else encrypt(value)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else decrypt(value)

    def value_to_string(self, obj: models.Model) -> str:
        return DUMPED + encrypt(self.value_from_object(obj))

    def to_python(self, value: Any) -> Any:
        """Of a text, which only dumps give, what it holds."""
        if not isinstance(value, str):
            return value
        try:
            return decrypt(value.removeprefix(DUMPED)) if value.startswith(DUMPED) else _Sealed(value)
        except UndecryptableValue:
            return _Sealed(value)


def get_readable(rows: models.QuerySet[Any], **lookup: Any) -> tuple[Any, list[str]]:
    """A row, and the names of its fields that no key opens: they are empty, to be filled again.

    Raises DoesNotExist.
    """
    try:
        return rows.get(**lookup), []
    except UndecryptableValue:
        names = [field.name for field in rows.model._meta.fields if isinstance(field, EncryptedJSONField)]
        row = rows.defer(*names).get(**lookup)
        return row, [name for name in names if not _opens(row, name)]


def _opens(row: models.Model, name: str) -> bool:
    try:
        getattr(row, name)
    except UndecryptableValue:
        field: Any = row._meta.get_field(name)
        setattr(row, name, field.get_default())
        return False
    return True


class Under(enum.Enum):
    """Which of the keys opens a stored value."""

    FIRST = enum.auto()
    OLDER = enum.auto()
    NONE = enum.auto()


def under(text: str) -> Under:
    first, *older = settings.TRACSYNC_ENCRYPTION_KEYS
    for keys, answer in (((first,), Under.FIRST), (tuple(older), Under.OLDER)):
        try:
            if keys:
                _keys(keys).decrypt(text.encode())
                return answer
        except InvalidToken:
            continue
    return Under.NONE


def rewritten(text: str) -> Any:
    """A stored value under the first key, to be stored as it is; the same value for who reads it.

    Raises InvalidToken.
    """
    again = _keys(tuple(settings.TRACSYNC_ENCRYPTION_KEYS)).rotate(text.encode())
    return _Sealed(DUMPED + again.decode())


def encrypt(value: Any) -> str:
    return _keys(tuple(settings.TRACSYNC_ENCRYPTION_KEYS)).encrypt(json.dumps(value).encode()).decode()


def decrypt(text: str) -> Any:
    """Raises UndecryptableValue."""
    keys = tuple(settings.TRACSYNC_ENCRYPTION_KEYS)
    try:
        return json.loads(_opened(text, keys) if len(text) < SHORT else _keys(keys).decrypt(text.encode()))
    except InvalidToken:
        raise UndecryptableValue(_LACKS_KEY) from None


@lru_cache(maxsize=1024)
def _opened(text: str, keys: tuple[str, ...]) -> bytes:
    """Credentials and settings are read for every claim; what they hold is in this process anyway."""
    return _keys(keys).decrypt(text.encode())


@lru_cache(maxsize=4)
def _keys(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ImproperlyConfigured(
            "TRACSYNC_ENCRYPTION_KEYS must be Fernet keys (32 url-safe base64-encoded bytes), comma-separated"
        ) from None
