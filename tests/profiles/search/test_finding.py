"""Searching for profiles: what is found, in which order, and what hostile texts are answered."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from profiles.changes import Change, write
from profiles.models import Profile
from profiles.search import finding

pytestmark = pytest.mark.django_db

PEOPLE = {
    "ab-1": ("Sabine Müller", "sabine.mueller@example.com"),
    "ab-2": ("Sabrina Muller-Abt", "s@firma.example"),
    "ab-3": ("Karl Groß", "Karl.Gross@Example.com"),
    "100%": ("", "percent@x.example"),
    "muller-7": ("Ida Beck", ""),
    "O'Neil_x": ("Anna O'Brien", "anna@x.example"),
}


@pytest.fixture(autouse=True)
def people(db):
    write(
        [
            Change(
                id,
                "put",
                {"id": id, **({"name": name} if name else {}), **({"email": email} if email else {})},
            )
            for id, (name, email) in PEOPLE.items()
        ]
    )


def ids(text, most=20):
    return [profile.pk for profile in finding.find(text, most).profiles]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mül", ["ab-1", "ab-2"]),
        ("MUELLER", ["ab-1", "ab-2"]),
        ("muller", ["ab-1", "ab-2", "muller-7"]),
        ("muller-7", ["muller-7"]),
        ("müller sab", ["ab-1", "ab-2"]),
        ("sabine mü", ["ab-1"]),
        ("sabine beck", []),
        ("abt", ["ab-2"]),
        ("karl.gross@", ["ab-3"]),
        ("KARL.GROSS@EXAMPLE.COM", ["ab-3"]),
        ("gross", ["ab-3"]),
        ("@example", ["ab-1", "ab-3"]),
        ("@firma", ["ab-2"]),
        ("example.com", ["ab-1", "ab-3"]),
        ("Firma", ["ab-2"]),
        ("mueller@exa", ["ab-1"]),
        ("gross@firma", []),
        ("x.ex", ["100%", "O'Neil_x"]),
        ("ab-", ["ab-2", "ab-1", "ab-3"]),
        ("ab-3", ["ab-3"]),
        ("AB-3", ["ab-3"]),
        ("MULLER-7", ["muller-7"]),
        ("=AB-3", []),
        ("100%", ["100%"]),
        ("%", []),
        ("_", []),
        ("o'brien", ["O'Neil_x"]),
        ("O'Neil_x", ["O'Neil_x"]),
        ("", []),
        ("   ", []),
    ],
)
def test_profiles_are_found_by_the_beginnings_of_words_and_of_ids(text, found):
    assert ids(text) == found


HOSTILE = [
    "%",
    "_",
    "'; DROP TABLE profiles_profile; --",
    '"',
    "mul*",
    "NEAR(a b)",
    'name:"x" AND *',
    "\\",
    "\0",
    "a\0b",
    "\ud800",
    "x" * 10_000,
    "mül " * 5_000,
    "@" * 1_000,
    "\U0010ffff",
    "💥",
    "\u202e",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_find_nothing_and_fail_nowhere(text):
    assert not set(ids(text)) - {"ab-1", "ab-2", "ab-3", "muller-7"}
    assert list(Profile.objects.filter(finding.matching(text)).order_by("pk")[:5]) is not None
    assert finding.with_email(text, 5) == []
    assert Profile.objects.count() == len(PEOPLE)


def test_there_may_be_more_than_are_wanted():
    found = finding.find("mül", 1)
    assert [profile.pk for profile in found.profiles] == ["ab-1"]
    assert found.more
    assert not finding.find("mül", 20).more


def test_the_exact_id_comes_first():
    write([Change("sabine", "put", {"id": "sabine"})])
    assert ids("sabine")[0] == "sabine"


def test_no_document_is_read():
    with CaptureQueriesContext(connection) as captured:
        ids("mül")
    assert not [one for one in captured if '"document"' in one["sql"]]


def test_a_list_is_filtered_by_the_same():
    def listed(text):
        return list(Profile.objects.filter(finding.matching(text)).values_list("pk", flat=True))

    assert listed("mül") == ["ab-1", "ab-2"]
    assert listed("muller") == ["ab-1", "ab-2", "muller-7"]
    assert listed("=ab-1") == ["ab-1"]
    assert listed("=mül") == []


def test_who_has_an_address():
    write([Change("twin", "put", {"id": "twin", "email": "SABINE.MUELLER@example.com"})])
    assert finding.with_email("Sabine.Mueller@example.com", 5) == ["ab-1", "twin"]
    assert finding.with_email("sabine.muller@example.com", 5) == [], "as it is, not as it is folded"
    assert finding.with_email("sabine.mueller@", 5) == []


def test_the_rarest_word_is_looked_for_first(monkeypatch):
    """However many Annas there are, few of them are asked for their other names."""
    monkeypatch.setattr(finding, "REACH", 20)
    write([Change(f"anna-{n}", "put", {"id": f"anna-{n}", "name": f"Anna Number{n}"}) for n in range(60)])
    assert ids("ann number59") == ["anna-59"]
    found = finding.find("ann num", 50)
    assert found.more
    assert len(found.profiles) == 19, "one of the twenty is Anna O'Brien"
