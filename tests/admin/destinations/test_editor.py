"""What the editors of conditions and mappings ask: who may, what is answered, and within which limits."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from destinations.insight import path_suggestions
from profiles.models import Profile

CHECK = "admin:destinations_destination_editor_check"
PATHS = "admin:destinations_destination_editor_paths"
WRITER = "destinations.change_destination"


@pytest.fixture(autouse=True)
def fresh():
    path_suggestions.forget()
    yield
    path_suggestions.forget()


@pytest.fixture
def check(admin_client):
    def ask(kind, text, client=admin_client):
        return client.post(reverse(CHECK), {"kind": kind, "text": text})

    return ask


def test_a_mistake_is_answered_with_its_place(check):
    [problem] = check("condition", 'profile@a == 1\r\nAND profil@b == "x"').json()["problems"]
    assert (problem["line"], problem["column"], problem["hint"]) == (2, 5, "did you mean profile@?")
    [problem] = check("mapping", '{"a": "profile@a..b"}').json()["problems"]
    assert (problem["line"], problem["column"], problem["path"]) == (1, 18, "$.a")


def test_what_is_right_has_no_problem(check):
    assert check("condition", "").json() == {"problems": []}
    assert check("mapping", '{"id": "profile@id"}').json() == {"problems": []}


def test_what_is_probably_not_meant_is_a_warning(check, profile):
    [problem] = check("condition", "profile@id EXISTS AND\r\nevent@type == 1").json()["problems"]
    assert (problem["severity"], problem["line"], problem["column"]) == ("warning", 2, 1)
    [problem] = check("mapping", '{"a": "profile@data.contcat.email"}').json()["problems"]
    assert (problem["severity"], problem["path"], problem["column"]) == ("warning", "$.a", 8)
    assert problem["hint"] == "the nearest that some have is profile@data.contact.email"


def test_paths_are_compared_only_for_those_who_may_see_profiles(check, allow, profile):
    text = '{"a": "profile@data.contcat", "b": "Profile@id"}'
    [problem] = check("mapping", text, client=allow(WRITER)).json()["problems"]
    assert problem["path"] == "$.b"
    both = check("mapping", text, client=allow(WRITER, "profiles.view_profile")).json()["problems"]
    assert [one["path"] for one in both] == ["$.b", "$.a"]


@pytest.mark.parametrize(("kind", "text", "status"), [("other", "x", 400), ("mapping", "x" * 1_300_000, 413)])
def test_what_is_not_checked_is_refused(check, kind, text, status):
    assert check(kind, text).status_code == status


@pytest.mark.parametrize("text", ["(" * 60_000, "profile@a == 1 AND " * 3000, "x" * 70_000])
def test_hostile_conditions_are_answered(check, text):
    assert len(check("condition", text).json()["problems"]) == 1


def test_only_those_who_may_write_destinations_are_answered(check, allow, client):
    assert check("condition", "", client=client).status_code == 302
    assert check("condition", "", client=allow("destinations.view_destination")).status_code == 403
    assert check("condition", "", client=allow(WRITER)).status_code == 200


def test_a_check_needs_the_csrf_token_and_a_post(admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    assert strict.post(reverse(CHECK), {"kind": "condition", "text": "x"}).status_code == 403
    assert strict.get(reverse(CHECK)).status_code == 405


def test_paths_of_real_profiles_and_none_of_their_values(profile, admin_client):
    Profile(document={"id": "b", "data": {"contact": {"phone": "+48600100200"}}}).save()
    answer = admin_client.get(reverse(PATHS), {"below": "data.contact."})
    found = {one["path"]: one for one in answer.json()["paths"]}
    assert set(found) == {"data.contact.email", "data.contact.phone", "data.contact.email.business"}
    assert found["data.contact.email.business"]["kinds"] == ["e-mail address"]
    assert found["data.contact.email.business"]["everywhere"] is False
    assert (answer.json()["profiles"], answer.json()["more"]) == (2, False)
    assert "anna" not in answer.content.decode()
    assert "600100200" not in answer.content.decode()


def test_paths_are_bounded(admin_client, db):
    Profile(
        document={"id": "a", **{f"k{number}": {f"x{n}": 1 for n in range(20)} for number in range(50)}}
    ).save()
    answer = admin_client.get(reverse(PATHS), {"below": ""}).json()
    assert len(answer["paths"]) == path_suggestions.MOST_ANSWERED
    assert answer["more"] is True


def test_paths_are_for_those_who_may_write_destinations_and_see_profiles(profile, allow, client):
    assert client.get(reverse(PATHS)).status_code == 302
    assert allow(WRITER).get(reverse(PATHS)).status_code == 403
    assert allow("profiles.view_profile").get(reverse(PATHS)).status_code == 200


def test_seeing_profiles_alone_is_not_enough(profile, allow):
    assert allow("profiles.view_profile").get(reverse(PATHS)).status_code == 403


def test_the_form_has_what_the_editors_need_and_plain_fields(destination, page):
    text = page("destinations_destination_change", destination.pk)
    assert 'data-notation="condition"' in text
    assert 'data-notation="mapping"' in text
    start = text.index(">", text.index('id="tracsync-notation"')) + 1
    vocabulary = json.loads(text[start : text.index("</script>", start)])
    assert {"name": "sha256", "arguments": "(text)"} in vocabulary["functions"]
    assert vocabulary["check_url"] == reverse(CHECK)


def test_scripts_carry_the_nonce_of_the_policy_and_nothing_is_inline(destination, admin_client):
    url = reverse("admin:destinations_destination_change", args=[destination.pk])
    response = admin_client.get(url)
    policy, text = response.headers["Content-Security-Policy"], response.content.decode()
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert f'<script src="/static/tracsync/editor.js" nonce="{nonce}" defer>' in text
    assert "unsafe" not in policy
    assert " style=" not in text
    assert not [name for name in ("onclick=", "onload=", "onchange=", "onsubmit=") if name in text]


def test_a_condition_that_was_only_opened_has_not_changed(destination, page, post, fields):
    destination.prerequisites = "profile@a EXISTS\nAND profile@b EXISTS"
    destination.save()
    form = fields(page("destinations_destination_change", destination.pk))
    form["prerequisites"] = form["prerequisites"].replace("\n", "\r\n")  # as browsers send it
    assert "Bring all profiles up to date" not in post(
        "destinations_destination_change", destination.pk, **form
    )
    destination.refresh_from_db()
    assert destination.prerequisites == "profile@a EXISTS\nAND profile@b EXISTS"
