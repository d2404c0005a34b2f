from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest

from destinations.connectors.redaction import (
    EXCERPT_LIMIT,
    MASK,
    REASON_LIMIT,
    SCAN_LIMIT,
    Redactor,
    basic,
    is_sensitive_name,
    mask_url,
    url_secrets,
)
from tests.harness import grows_evenly, processor_seconds

SECRET = 'pä ss/w+"ord'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    ],
)
def test_a_secret_is_masked_in_every_form(form: str) -> None:
    assert Redactor([SECRET]).text(f"before {form} after") == f"before {MASK} after"


def test_basic_credentials_are_masked_when_told() -> None:
    assert Redactor([basic("bob", SECRET)]).text(f"got {basic('bob', SECRET)}") == f"got {MASK}"


def test_short_secrets_do_not_mask_ordinary_words() -> None:
    assert Redactor(["abc", ""]).text("abcdef") == "abcdef"


def test_the_longest_secret_is_masked_first() -> None:
    assert Redactor(["secret", "secret-long"]).text("secret-long secret") == f"{MASK} {MASK}"


def test_a_reason_masks_the_payload_in_any_case_and_is_one_short_line() -> None:
    payload = {"email": "Ana@Example.org", "tags": ["Straße 5", "ab"], "age": 44}
    text = "bad:\n ana@example.org lives in stra\\u00dfe 5, ab, 44 " + "x" * 600
    reason = Redactor(["token-1"]).reason("token-1 " + text, payload)
    assert reason.startswith(f"{MASK} bad: {MASK} lives in {MASK}, ab, 44 xxx")
    assert len(reason) == REASON_LIMIT


def test_a_long_value_that_a_server_cuts_is_masked_up_to_a_short_rest() -> None:
    value = "".join(f"{at:04}" for at in range(5000))
    reason = Redactor().reason("too long: " + value[:10_000], {"bio": value})
    assert reason.startswith(f"too long: {MASK}")
    assert len(reason) < 100


# A payload, and what a server says of it, each of about this size.
HOSTILE = {
    "many short values": lambda size: ("x" * size, [f"v{n:05}" for n in range(size * 3)]),
    "many that need escapes": lambda size: ("%\\+" * (size // 3), [f"é {n:05}" for n in range(size * 3)]),
    "all of them repeated": lambda size: (
        "".join(f"v{n:05}" for n in range(size // 6)),
        [f"v{n:05}" for n in range(size * 3)],
    ),
    "almost repeated": lambda size: ("a" * size, ["a" * 50 + f"{n:06}" for n in range(size // 2)]),
    "each within the next": lambda size: ("a" * size, ["a" * n for n in range(4, size // 30)]),
    "one long value": lambda size: ("a" * size, ["a" * size * 25]),
    "many fields": lambda size: ("<abc v" * (size // 6), [{f"f{n}": f"v-{n}"} for n in range(size)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_masking_takes_as_long_as_text_and_payload_are(name) -> None:
    def make(size):
        text, payload = HOSTILE[name](size)
        return lambda: Redactor(["secret-1"]).reason(text, payload)

    assert grows_evenly(make, SCAN_LIMIT)
    assert processor_seconds(make(SCAN_LIMIT), enough=1) <= 1


def test_very_many_secrets_are_masked_in_as_much_time() -> None:
    def make(size):
        secrets = [f"secret-{n:05}" for n in range(size)]
        text = "secret-" * size + secrets[-1]
        return lambda: Redactor(secrets).excerpt(text)

    assert grows_evenly(make, 4_000)
    secrets = [f"secret-{n:05}" for n in range(1_000)]
    assert Redactor(secrets).text(f"a {secrets[7]}{secrets[999]} b") == f"a {MASK} b"


def test_an_excerpt_of_a_huge_answer_looks_at_no_more_than_it_shows() -> None:
    assert processor_seconds(lambda: Redactor(["secret-1"]).excerpt("x" * 16_000_000), enough=1) <= 1


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("abcd abcdef defg", f"{MASK} {MASK} {MASK}"),
        ("xabcdefgx", f"x{MASK}x"),  # values that overlap
        ("abc", "abc"),
        ("", ""),
        ("İABCDς", f"İ{MASK}ς"),  # letters of which others become when they change case stay in place
        ("σαςΣ 12%2034", f"{MASK} 12%2034"),
        ("e%20mail e+mail e mail", f"{MASK} {MASK} {MASK}"),
        ("a\\/b\\/c \\u00e9\\u00e9\\u00E9\\u00e9", f"{MASK} {MASK}"),
    ],
)
def test_what_is_echoed_is_masked_wherever_it_stands(text: str, masked: str) -> None:
    values = ["abcd", "abcdef", "defg", "Σασσ", "e mail", "a/b/c", "éééé", "a\0b"]
    assert Redactor().reason(text, values) == masked


def test_numbers_of_a_payload_are_masked_too() -> None:
    assert Redactor().reason("420777123456 taken", {"phone": 420777123456}) == f"{MASK} taken"


def test_a_redirects_query_is_masked() -> None:
    assert Redactor().headers({"Location": "https://h/?token=a"}) == {"Location": "https://h/?token=********"}


def test_an_excerpt_is_masked_before_it_is_cut() -> None:
    text = "x" * (EXCERPT_LIMIT - 4) + "secret-value"
    assert "secr" not in Redactor(["secret-value"]).excerpt(text)


def test_headers_are_masked_by_name_and_by_value() -> None:
    headers = {
        "Authorization": "Bearer x",
        "x-api-key": "1",
        "Set-Cookie": "a",
        "X-Pin": "1",
        "Host": "key-1",
    }
    shown = Redactor(["key-1"], names=["x-pin"]).headers(headers)
    assert set(shown.values()) == {MASK}


@pytest.mark.parametrize(
    "name", ["Authorization", "X-API-Key", "apikey", "Cookie", "X-Auth", "my_token", "CLIENT-SECRET"]
)
def test_sensitive_names(name: str) -> None:
    assert is_sensitive_name(name)


@pytest.mark.parametrize("name", ["Content-Type", "Idempotency-Key", "Author", "User-Agent", "email"])
def test_ordinary_names(name: str) -> None:
    assert not is_sensitive_name(name)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://h/p?a=1&b=&a=2#f", "https://h/p?a=********&b=&a=********#f"),
        ("https://u:p@h:1/p", "https://u:********@h:1/p"),
        ("https://token@h/p", "https://********@h/p"),
        ("https://h/p", "https://h/p"),
        ("http://[bad", MASK),
    ],
)
def test_urls(url: str, masked: str) -> None:
    assert mask_url(url) == masked
    assert not [secret for secret in url_secrets(url) if len(secret) > 2 and secret in masked]
