"""What ad platforms and others ask of addresses, phone numbers and names before they are hashed or sent.

Each vendor asks for something else, so one person's hashes differ: each function is called after who asks.

- Meta: developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
- Google: developers.google.com/data-manager/api/devguides/concepts/formatting
- E.164: the phonenumbers library, a port of Google's libphonenumber
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from ..values import MismatchError
from .function import Function, Parameter
from .parameters import TEXT
from .texts import normalized

LONGEST_PHONE: Final = 60  # characters, with all that people write between the digits
WORK_OF_PHONE: Final = 1_000  # of reading one
_GOOGLE_DOMAINS: Final = ("gmail.com", "googlemail.com")
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_NO_LETTERS = re.compile(r"[\W_]")
_ZIP_PLUS_4 = re.compile(r"(\d{5})-?\d{4}", re.ASCII)


def _email_google(text: str) -> str:
    """Without white space, in lower case; at Google's own domains without dots and what follows a +."""
    text = "".join(normalized(text).split())
    name, at, domain = text.rpartition("@")
    if domain not in _GOOGLE_DOMAINS:
        return text
    return name.partition("+")[0].replace(".", "") + at + domain


def _phone(text: str, country: str | None = None) -> str:
    """E.164: a plus sign, the code of the country, the number. Raises MismatchError."""
    if len(text) > LONGEST_PHONE:
        raise MismatchError("%(subject)s is too long for a phone number")
    number = _e164(text, country)
    if number is None:
        if country is None and not text.strip().startswith("+"):
            raise MismatchError("%(subject)s is no phone number with the code of its country, such as +48")
        raise MismatchError("%(subject)s is no phone number")
    return number


@lru_cache(maxsize=16_384)  # slow, and lists within lists would read all numbers of a profile again and again
def _e164(text: str, country: str | None) -> str | None:
    import phonenumbers  # here, since few destinations need it and each process would load it

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone_meta(text: str, country: str | None = None) -> str:
    return _phone(text, country).removeprefix("+")


def _name_meta(text: str) -> str:
    return _PUNCTUATION.sub("", normalized(text)).strip()


def _city_meta(text: str) -> str:
    return _NO_LETTERS.sub("", normalized(text))


def _zip_meta(text: str) -> str:
    """Without blanks and dashes; of a code of the United States the first five digits."""
    text = "".join(normalized(text).split())
    return match[1] if (match := _ZIP_PLUS_4.fullmatch(text)) else text.replace("-", "")


def _read_country(value: Any) -> str:
    from phonenumbers import SUPPORTED_REGIONS

    country: str = TEXT.read(value).strip().upper()
    if country not in SUPPORTED_REGIONS:
        raise MismatchError("%(subject)s is no country of two letters, such as PL")
    return country


_NUMBER: Final = Parameter("text", TEXT.read, work=lambda text: WORK_OF_PHONE)
_COUNTRY: Final = Parameter("country", _read_country)

TABLE: Final = (
    Function("email.meta", (TEXT,), normalized),
    Function("email.google", (TEXT,), _email_google),
    Function("phone", (_NUMBER, _COUNTRY), _phone, required=1),
    Function("phone.meta", (_NUMBER, _COUNTRY), _phone_meta, required=1),
    Function("name.meta", (TEXT,), _name_meta),
    Function("city.meta", (TEXT,), _city_meta),
    Function("zip.meta", (TEXT,), _zip_meta),
)
