"""Fields of raw records in the forms that Tracardi's versions wrote."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from destinations.tracardi import encoded
from destinations.tracardi.encoded import UnreadableField
from tests.tracardi.conftest import packed

VALUE = {"production": {"url": "https://a.example"}}


@pytest.mark.parametrize(
    "field",
    [
        VALUE,
        json.dumps(VALUE),
        packed(VALUE),
        f"{packed(VALUE)[:60]}\n{packed(VALUE)[60:]}\n",
        base64.b64encode(json.dumps(VALUE).encode()).decode(),
    ],
)
def test_all_forms_hold_the_same(field):
    assert encoded.mapping({"credentials": field}, "credentials") == VALUE


@pytest.mark.parametrize(
    "fields", [{}, {"credentials": None}, {"credentials": ""}, {"credentials": packed({})}]
)
def test_blank_is_nothing(fields):
    assert encoded.mapping(fields, "credentials") == {}


@pytest.mark.parametrize(
    "field",
    [
        "s3cret",
        "gAAAAABl-fernet",
        "{s3cret",
        base64.b64encode(b"s3cret").decode(),
        base64.b64encode(b"\x1f\x8bs3cret").decode(),
        base64.b64encode(gzip.compress(b'{"a": "s3cret"}', mtime=0)[:-9]).decode(),
        base64.b64encode(gzip.compress(b" " * (encoded.MOST_BYTES + 1), mtime=0)).decode(),
        "[" * 100_000,
    ],
)
def test_what_is_none_of_them_is_named_and_not_shown(field):
    with pytest.raises(UnreadableField, match="credentials cannot be read: it is neither JSON nor") as raised:
        encoded.read({"credentials": field}, "credentials")
    assert "s3cret" not in str(raised.value)


def test_what_must_be_an_object():
    with pytest.raises(UnreadableField, match="init cannot be read: it is no object"):
        encoded.mapping({"init": ["a"]}, "init")
