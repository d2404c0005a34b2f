"""What profiles are called, by the paths of an installation, and the words that they are found by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles import names
from profiles.names import NOBODY, Person, asked, fold, person, words
from tests.cases import for_each


@for_each(
    ("document", "found"),
    [
        ({}, NOBODY),
        ({"name": "Ada"}, Person("Ada")),
        ({"data": {"pii": {"firstname": "Ada", "lastname": "Adler"}}}, Person("Ada Adler")),
        ({"data": {"pii": {"lastname": "Adler"}}}, Person("Adler")),
        ({"data": {"pii": {"display_name": "Ms A", "firstname": "Ada"}}}, Person("Ms A")),
        ({"pii": {"name": "Ada", "surname": "Adler", "email": "a@b.c"}}, Person("Ada Adler", "a@b.c")),
        ({"data": {"contact": {"email": {"business": "b@x.y"}}}}, Person("", "b@x.y")),
        ({"data": {"contact": {"email": {"main": "", "business": "b@x.y"}}}}, Person("", "b@x.y")),
        ({"email": ["one@x.y", "two@x.y"]}, Person("", "one@x.y")),
        ({"name": 7, "traits": {"name": {"first": "A"}}, "email": None}, NOBODY),
        ({"name": " Ada \n\t Adler\u202e "}, Person("Ada Adler")),
        ({"name": "x" * 1000, "email": "y" * 1000}, Person("x" * names.MOST_NAME, "y" * names.MOST_EMAIL)),
        ({"data": ["pii"], "traits": "name"}, NOBODY),
    ],
)
def test_name_and_email_are_the_first_that_have_a_value(document, found):
    assert person(document) == found


def test_an_installation_has_its_own_paths(settings):
    settings.TRACSYNC_NAME_PATHS = ["title", "a.first + a.last"]
    settings.TRACSYNC_EMAIL_PATHS = ["mail"]
    assert person({"a": {"first": "Ada", "last": "Adler"}, "mail": "a@b.c", "name": "no"}) == (
        "Ada Adler",
        "a@b.c",
    )
    assert person({"title": "Dr", "a": {"first": "Ada"}}) == Person("Dr")


@pytest.mark.parametrize("path", ["", "a..b", ".", "a+", "+"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match="is no path"):
        names.parse(path)


def test_other_paths_have_another_fingerprint(settings):
    before = names.fingerprint()
    settings.TRACSYNC_EMAIL_PATHS = ["mail"]
    assert names.fingerprint() != before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "MUELLER"),
        ("müller", "muller"),
        ("Groß", "gross"),
        ("Łucja", "lucja"),
        ("Renée", "renee"),
        ("Çelik", "celik"),
        ("Bjørn", "bjorn"),
        ("Æsop", "aesop"),
        ("ИВАН", "иван"),
    ],
)
def test_case_and_accents_do_not_matter(one, other):
    assert fold(one) == fold(other)


def test_words_are_those_of_the_name_the_address_and_its_domain():
    found = words(Person("Sabine Müller-Lüdenscheidt", "S.Mueller@Example.com"))
    assert found == ["sabin" + "e", "muller", "ludenscheidt", "s.muller@example.com", "@example.com"]
    assert words(Person("", "plain")) == ["plain"]
    assert words(NOBODY) == []


def test_there_are_not_more_words_than_a_profile_should_cost():
    found = words(Person(" ".join(f"w{n}" for n in range(100)), "a@" + "b" * 400))
    assert len(found) == names.MOST_WORDS
    assert max(map(len, words(Person("", "a@" + "b" * 400)))) <= names.MOST_WORD


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mül", ["mul"]),
        ("sabine  MÜL", ["sabine", "mul"]),
        ("<Sabine@Ex", ["sabine@ex"]),
        ("@example", ["@example"]),
        ("o'brien", ["o", "brien"]),
        ("%_*\"'()@", []),
        ("", []),
        ("mul OR 1=1 --", ["mul", "or", "1"]),
        ("a b c d e f g h", ["a", "b", "c", "d", "e", "f"]),
    ],
)
def test_what_a_search_asks_for(text, found):
    assert asked(text) == found


def test_of_a_long_text_only_the_beginning_is_looked_at():
    assert asked("a" * 10_000) == ["a" * names.MOST_WORD]


@given(st.text(max_size=30), st.integers(0, 30))
def test_the_beginning_of_a_word_is_the_beginning_of_what_it_is_folded_to(text, end):
    for word in text.split():
        assert fold(word).startswith(fold(word[:end]).rstrip("\u0345"))
