"""What vendors ask before hashing, by the examples that they publish themselves."""

import pytest

from destinations.notation import NotationError, parse_condition, parse_template
from destinations.notation.functions import audiences
from destinations.notation.functions.texts import MOST_MARKS
from tests.cases import for_each

# developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
META = [
    (
        "email.meta(x)",
        "John_Smith@gmail.com",
        "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
    ),
    (
        "phone.meta(x, 'US')",
        "(650)555-1212",
        "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
    ),
    ("name.meta(x)", "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
    ("name.meta(x)", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
    ("name.meta(x)", "Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
]
# developers.google.com/data-manager/api/devguides/concepts/formatting
GOOGLE = [
    ("email.google(x)", "cloudy.sanfrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com"),
    ("email.google(x)", "cloudySanFrancisco@GMAIL.com", "cloudysanfrancisco@gmail.com"),
    ("email.google(x)", "user.name+NYC@Example.com", "user.name+nyc@example.com"),
    ("phone(x, 'US')", "(800)555-0100", "+18005550100"),
]


def made(formula, text, **more):
    template = parse_template({"$formula": formula.replace("(x", "(profile@x")})
    return template.render({"profile": {"x": text, **more}})


@pytest.mark.parametrize(("formula", "text", "digest"), META)
def test_metas_examples(formula, text, digest):
    assert made(f"sha256.exact({formula})", text) == digest
    assert made(f"sha256({formula})", text) == digest


@pytest.mark.parametrize(("formula", "text", "expected"), GOOGLE)
def test_googles_examples(formula, text, expected):
    assert made(formula, text) == expected


def test_the_hash_of_googles_example():
    digest = "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4"
    assert made("sha256(email.google(x))", "cloudy.sanfrancisco+shopping@gmail.com") == digest


@for_each(
    ("formula", "text", "expected"),
    [
        ("email.meta(x)", "\t Ola.Nowak+x@GMAIL.com ", "ola.nowak+x@gmail.com"),
        ("email.google(x)", " Ola . Nowak @Googlemail.com\n", "olanowak@googlemail.com"),
        ("email.google(x)", "o.n+a+b@gmail.com", "on@gmail.com"),
        ("email.google(x)", "gmail.com", "gmail.com"),
        ("phone(x, 'pl')", "600 700 800", "+48600700800"),
        ("phone(x, 'PL')", "+49 (0)30 / 123456", "+4930123456"),
        ("phone(x)", "+48 600-700-800", "+48600700800"),
        ("phone(x, 'DE')", "0048 600 700 800", "+48600700800"),
        ("phone(x, profile@country)", "030/123456", "+4930123456"),
        ("phone.meta(x, 'DE')", "030/123456", "4930123456"),
        ("name.meta(x)", " O'Neill-Śmith, Jr. ", "oneillśmith jr"),
        ("city.meta(x)", "New York", "newyork"),
        ("city.meta(x)", "Saint-Étienne 2", "saintétienne2"),
        ("zip.meta(x)", "94035-1234", "94035"),
        ("zip.meta(x)", "00-950", "00950"),
        ("zip.meta(x)", "WC2H 8LG", "wc2h8lg"),
    ],
)
def test_what_comes_of_it(formula, text, expected):
    assert made(formula, text, country="de") == expected


@pytest.mark.parametrize("name", [function.name for function in audiences.TABLE])
def test_nothing_stays_nothing(name):
    assert made(f"{name}(x)", None) is None
    assert parse_condition(f"{name}(profile@gone) NOT EXISTS").evaluate({})


@pytest.mark.parametrize(
    ("formula", "value", "says"),
    [
        ("phone(x)", "600 700 800", "no phone number with the code of its country"),
        ("phone(x, 'PL')", "12", "is no phone number"),
        ("phone(x)", "+0000", "is no phone number"),
        ("phone(x, 'PL')", "call me", "is no phone number"),
        ("phone(x, 'PL')", "1 " * 31, "is too long for a phone number"),
        ("phone(x, 'PL')", 600700800, "is a number, where text is needed"),
        ("phone(x, profile@country)", "600 700 800", "profile@country is no country of two letters"),
        ("email.google(x)", ["a@b.example"], "is a list, where text is needed"),
        ("name.meta(x)", "a" + "\u0301" * (MOST_MARKS + 1), "combining characters in a row"),
    ],
)
def test_what_cannot_be_read_is_an_error_without_its_value(formula, value, says):
    with pytest.raises(NotationError) as caught:
        made(formula, value, country="Polska")
    assert says in caught.value.message
    assert str(value) not in str(caught.value)


def test_a_country_that_there_is_not_is_an_error_when_parsed():
    with pytest.raises(NotationError, match="this argument is no country of two letters"):
        parse_condition("phone(profile@x, 'XX') EXISTS")


def test_a_dirty_number_costs_a_field_and_no_profile():
    template = parse_template({"ph?": {"$formula": "try(sha256(phone.meta(profile@x, 'PL')), null)"}})
    assert template.render({"profile": {"x": "n/a"}}) == {}
