"""Messages: English text everywhere, and everything that it takes to say the same in another language."""

import copy
import json
import pickle

import pytest
from django.utils import translation as django_translation
from hypothesis import example, given
from hypothesis import strategies as st

from destinations.connectors.base import Rejected, Retry
from destinations.models import DeliveryAttempt, Health, ProfileSync
from destinations.scheduler import loop
from tests.cases import for_each
from tracsync.common.messages import Message, joined, message, pack, shortened, unpack
from tracsync.common.translation import translated

MISSING = message("%(subject)s is missing", subject="profile@a")
AND = message(" and ")
ANSWERED = message("answered %(status)s: %(said)s", status=503, said="100% down")


def test_a_message_is_its_english_text():
    assert ANSWERED == "answered 503: 100% down"
    assert ANSWERED in {"answered 503: 100% down"}
    assert json.dumps([ANSWERED]) == '["answered 503: 100% down"]'
    assert (ANSWERED.template, ANSWERED.values) == (
        "answered %(status)s: %(said)s",
        {"status": "503", "said": "100% down"},
    )


def test_text_of_it_and_of_an_error_is_the_message_itself():
    assert str(ANSWERED) is ANSWERED
    assert str(ValueError(ANSWERED)) is ANSWERED
    assert type(ANSWERED + "") is str


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_it_can_be_copied(copied):
    again = copied(joined("; ", [ANSWERED, MISSING]))
    assert (again, again.template) == ("answered 503: 100% down; profile@a is missing", "; ")
    assert [one.template for one in again.values] == [ANSWERED.template, MISSING.template]


def test_a_list_of_one_is_that_one_and_of_none_nothing():
    assert joined("; ", [MISSING]) is MISSING
    assert joined("; ", []) == ""


texts = st.text("a%(n)s;\x1e ", max_size=8)
names = st.sampled_from(["name", "other", "said"])
plain = texts.filter(bool)


def with_values(values):
    def build(start, given, end):
        places = "".join(f"%({name})s" for name in given)
        return message(start.replace("%", "%%") + places + end.replace("%", "%%"), **given)

    return st.builds(build, plain, st.dictionaries(names, values, min_size=1), plain)


messages = st.recursive(
    st.builds(message, plain),
    lambda inner: with_values(texts | inner) | st.builds(joined, plain, st.lists(inner | texts, min_size=2)),
    max_leaves=6,
)


def parts(said):
    """What it is made of; of plain text and of what has no values, only the text."""
    if not isinstance(said, Message):
        return said
    values = said.values
    inner = (
        [*zip(values, map(parts, values.values()), strict=True)]
        if type(values) is dict
        else [*map(parts, values)]
    )
    return (said, said.template, inner)


@given(messages)
@example(message("%(name)s 100%%", name=""))
@example(joined(AND, [MISSING, "", ANSWERED]))
def test_what_is_stored_comes_back_whole(said):
    stored = pack(said)
    assert stored.startswith(said)
    again = unpack(stored)
    assert parts(again) == parts(said) if said.values else again == said


@given(messages, st.integers(1, 60))
def test_it_is_shortened_by_what_it_holds(said, most):
    short = shortened(said, most)
    assert len(short) <= most
    assert short == said if len(said) <= most else "…" in short


def test_a_shortened_message_is_translated_still():
    long = message("answered %(status)s: %(said)s", status=500, said="x" * 900)
    with django_translation.override("de"):
        assert translated(shortened(long, 100)).startswith("antwortete mit 500: xxx")
        many = shortened(joined(AND, [MISSING] * 50), 60)
        assert translated(many) == "profile@a fehlt und profile@a fehlt und profile@a…"


@pytest.mark.parametrize("end", ["b", "[[1]]", '[["x",0]]', "", "[" * 5000, "5"])
def test_texts_of_others_that_look_like_it_stay_what_they_are(end):
    text = f"what a server said\x1e{end}"
    assert unpack(text) == text


GERMAN = [
    (message("accepted"), "angenommen"),
    ("accepted", "angenommen"),
    (MISSING, "profile@a fehlt"),
    (joined(AND, [MISSING, MISSING]), "profile@a fehlt und profile@a fehlt"),
    (ANSWERED, "antwortete mit 503: 100% down"),
    (message("not tried: %(reason)s", reason=ANSWERED), "nicht versucht: antwortete mit 503: 100% down"),
    (message("not tried: %(reason)s", reason="accepted"), "nicht versucht: accepted"),
    (joined("; ", [message("created"), "what a server said"]), "angelegt; what a server said"),
    ("what another system said", "what another system said"),
    ("answered 503: stored before there were templates", "answered 503: stored before there were templates"),
    ("", ""),
]


@for_each(("english", "german"), GERMAN)
def test_it_is_translated_for_whoever_reads_it(english, german):
    with django_translation.override("de"):
        assert translated(english) == german
        assert translated(unpack(pack(english))) == german
    assert translated(english) == english


@pytest.mark.django_db
class TestStored:
    @pytest.fixture
    def push_one(self, frozen, recording, make_destination, make_profile):
        def push_one(*answers):
            make_destination()
            make_profile()
            recording.script(*answers)
            frozen.forward(20)
            while loop.tick():
                pass

        return push_one

    @pytest.fixture
    def rejected(self, push_one):
        push_one(Rejected(ANSWERED))
        return ProfileSync.objects.get()

    def test_a_reason_is_kept_with_its_values(self, rejected):
        assert (rejected.reason, rejected.reason.template) == (ANSWERED, ANSWERED.template)
        for model in (ProfileSync, DeliveryAttempt):
            [reason] = model.objects.values_list("reason", flat=True)
            assert reason.values == ANSWERED.values

    @pytest.mark.parametrize(
        ("wanted", "found"), [("ANSWERED 503", 1), ("100% down", 1), ("status", 0), ("[[", 0), ("14", 0)]
    )
    def test_it_is_searched_for_by_what_people_see(self, rejected, wanted, found):
        assert DeliveryAttempt.objects.filter(reason__shown__icontains=wanted).count() == found

    def test_plain_text_is_searched_for_as_well(self, rejected):
        DeliveryAttempt.objects.update(reason="plain words")
        assert DeliveryAttempt.objects.filter(reason__shown__icontains="N WORD").exists()

    def test_it_is_found_as_a_whole(self, rejected):
        assert ProfileSync.objects.filter(reason=ANSWERED).exists()

    def test_without_values_it_costs_nothing(self, push_one):
        push_one()
        assert ProfileSync.objects.extra(where=["reason = 'accepted'"]).exists()

    def test_why_a_destination_rests_is_kept_with_its_values(self, push_one):
        push_one(Retry(ANSWERED, after=30))
        assert Health.objects.get().hold_reason.values == ANSWERED.values
