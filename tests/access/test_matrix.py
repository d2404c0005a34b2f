"""Who may use which address: `matrix.md` says it, and each of them is asked for as each kind of caller.

A new address fails here until it stands in the table. To write it anew with what is answered now, and to look
at each line that differs:

    TRACSYNC_WRITE_MATRIX=1 .venv/bin/pytest tests/access
"""

import logging
import os
import socket
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.template.backends.django import Template
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from tests.access import addresses
from tests.access.addresses import is_api, places, real
from tracsync.admin.site import TracsyncAdminSite
from tracsync.common.rest import scopes
from tracsync.models import ApiToken

TABLE = Path(__file__).with_name("matrix.md")
ROLES = ("Viewer", "Operator", "Editor")
PEOPLE = ("anonymous", "staff", *ROLES, "superuser")
# Where one scope does not do.
PAIRS = (("configuration:write", "profiles:read"), ("deliveries:write", "profiles:read"))
YES, NO, SIGN_IN, NOTHING = "yes", "no", "sign in", "-"
HEAD = """\
# Who may use which address

Each kind of person, signed in to the admin, and API tokens by their scopes. *yes*: what was asked for is
done, if nothing else is wrong with it; *no*: refused (403); *sign in*: nobody is known to ask (401, or the
page to sign in); *-*: nothing is there (404). Of tokens: *any*; or one of the scopes with *or* between, and
all of what has *and* between.
`test_matrix.py` asks for all of it and says how the table is written.

"""


@pytest.fixture
def ids(make_destination, make_profile, settings, monkeypatch):
    """One of each thing. Nothing is rendered or looked up elsewhere: who may is decided before."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.TRACSYNC_API_REQUESTS_PER_MINUTE = 0
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    monkeypatch.setattr(Template, "render", lambda *_args, **_options: "")
    monkeypatch.setattr(TracsyncAdminSite, "each_context", once_for_each(TracsyncAdminSite.each_context))
    monkeypatch.setattr(SchemaGenerator, "get_schema", lambda *_args, **_options: {})
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    logging.disable(logging.CRITICAL)  # thousands of lines that say that somebody was refused
    yield addresses.objects(make_destination(), make_profile("p1"), User.objects.create_user("sample"))
    logging.disable(logging.NOTSET)


def once_for_each(each_context):
    """What stands around every page is the same on all pages of a person."""
    known = {}

    def of_person(site, request):
        person = request.user.pk
        if person not in known:
            known[person] = each_context(site, request)
        return known[person]

    return of_person


def nowhere(*_args, **_options):
    raise socket.gaierror


class Caller:
    """Asks for an address, takes back whatever that did, and says of which kind the answer was."""

    def __init__(self, person=None, token=""):
        self.client = Client(raise_request_exception=False, REMOTE_ADDR="192.0.2.1")  # not this machine
        if person:
            self.client.force_login(person)
        self.cookies = {name: one.value for name, one in self.client.cookies.items()}
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method, url):
        self.client.cookies = SimpleCookie(self.cookies)
        body = {"data": "{}", "content_type": "application/json"} if url.startswith("/api/") else {}
        with transaction.atomic():
            answer = self.client.generic(method, url, headers=self.headers, **body)
            transaction.set_rollback(True)
        return answer

    def kind(self, method, url):
        answer = self.ask(method, url)
        status = answer.status_code
        if status == 302 and answer["Location"].startswith("/admin/login/"):
            return SIGN_IN
        if status >= 500 and status != 503:
            return f"error {status}"
        return {401: SIGN_IN, 403: NO, 404: NOTHING, 405: None}.get(status, YES)


def people():
    made = {"anonymous": None, "superuser": User.objects.create_superuser("superuser")}
    for name in ("staff", *ROLES):
        made[name] = User.objects.create_user(name, is_staff=True)
        if name in ROLES:
            made[name].groups.add(Group.objects.get(name=name))
    return {name: Caller(made[name]) for name in PEOPLE}


def with_scopes(*names):
    token, text = ApiToken.generate(f"with {names}", scopes=[*names], last_used_at=timezone.now())
    token.save()
    return Caller(token=text)


def written():
    """The table as it stands: the cells of each row by method and address."""
    rows = {}
    for line in TABLE.read_text().splitlines() if TABLE.exists() else ():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 + len(PEOPLE) and cells[1].startswith("`"):
            for method in cells[0].split():
                rows[method, cells[1].strip("`")] = tuple(cells[2:])
    return rows


def write(rows):
    """Methods of an address that are for the same people share a line."""
    lines = {}
    for (method, address), cells in rows.items():
        lines.setdefault((address, cells), []).append(method)
    table = [["", "address", *PEOPLE, "token"]]
    for (address, cells), methods in lines.items():
        table.append([" ".join(methods), f"`{address}`", *cells])
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    table.insert(1, ["-" * width for width in widths])
    padded = ("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in table)
    TABLE.write_text(HEAD + "\n".join(padded) + "\n")


def of_tokens(place, method, url, tokens):
    """The cell of what a view says that it needs, if that is what it asks for."""
    needs = place.needs(method)
    answered = {names: caller.kind(method, url) == YES for names, caller in tokens.items()}
    said = {names: opens(needs, names) for names in tokens}
    if answered != said:
        return f"not as it says: {sorted(names for names in tokens if answered[names] != said[names])}"
    return " and ".join(" or ".join(one_of) for one_of in needs) or "any"


def opens(needs, names):
    return all({*one_of} & scopes.implied(names) for one_of in needs)


def answered(ids):
    """The cells of each row by method and address, as it is now."""
    callers, found = people(), {}
    sets = [(), *((scope,) for scope in scopes.SCOPES), *PAIRS, scopes.SCOPES]
    tokens = {names: with_scopes(*names) for names in sets}
    for place in places():
        url = real(place.address, ids)
        for method in place.methods:
            cells = [callers[name].kind(method, url) for name in PEOPLE]
            if cells[-1] is None:  # not a method of this page
                continue
            of_token = tokens[scopes.SCOPES].kind(method, url)
            if is_api(place) and of_token == YES:
                of_token = of_tokens(place, method, url, tokens)
            found[method, place.address] = (*map(str, cells), str(of_token))
    return found


def test_everybody_gets_what_the_table_says(ids):
    found = answered(ids)
    if os.environ.get("TRACSYNC_WRITE_MATRIX"):
        write(found)
    table = written()
    failures = {at: cells for at, cells in found.items() if any("error" in c or "not as" in c for c in cells)}
    assert failures == {}
    assert {at: found[at] for at in found.keys() - table.keys()} == {}, "they do not stand in the table"
    assert sorted(table.keys() - found.keys()) == [], "in the table, and not there any more"
    assert {at: (found[at], table[at]) for at in found if found[at] != table[at]} == {}
