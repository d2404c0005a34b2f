"""The connectors for tables at PostgreSQL and MariaDB on loopback, each test in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from destinations.connectors.base import (
    Accepted,
    ConfigurationError,
    Delivery,
    Held,
    Hold,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.sql import session as table_session
from destinations.connectors.testing import Peer, check_contract
from tests.services.deliveries import kinds, leaving
from tests.services.line import Line, TlsLine
from tests.services.table_servers import (
    LOOPBACK,
    WRITES,
    MariaServer,
    PostgresServer,
    Server,
    noted,
    opened,
)

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # of PostgreSQL's protocol


@pytest.fixture(params=[PostgresServer, MariaServer], ids=["postgresql", "mariadb"])
def server(request) -> Iterator[Any]:
    with opened(request.param) as made:
        made.table()
        yield made


@pytest.fixture
def postgres() -> Iterator[Any]:
    with opened(PostgresServer) as made:
        made.table()
        yield made


@pytest.fixture
def maria() -> Iterator[Any]:
    with opened(MariaServer) as made:
        made.table()
        yield made


def upsert(key: str, version: int, **payload: Any) -> Delivery:
    return Delivery(payload, f"{key}:{version}", key=key, version=version)


class TablePeer(Peer):
    takes_key = False  # a row has none; its version makes repeats harmless

    def __init__(self, server: Server, line: Line) -> None:
        self.server, self.line = server, line
        server.watch()
        self.credentials = {**server.credentials(), "port": line.port, "timeout": 1}
        self.wrong_credentials = {**self.credentials, "user": "nobody-here", "password": "wrong-pass"}
        self.settings = {"table": "customers"}
        self.runtime = LOOPBACK

    def payload(self, number: int) -> Any:
        common = {"name": f"Žofie {number}", "extra": {"list": [number, None, True], "%s": "100 %"}}
        return common if number % 2 else {**common, "age": number}

    def refused(self) -> Sequence[Any]:
        return [
            {"name": "ultramarine", "age": "no number"},
            {"name": "ultramarine " * 50},
            {"name": "ultramarine \ud800"},
            {"name": None, "email": "ultramarine@x.example"},
            {"name": "ultramarine", "id": "somebody"},
            ["ultramarine"],
        ]

    def requests(self) -> Sequence[Any]:
        where = f"127.0.0.1:{self.line.port}, {self.server.name}"
        return [{"server": where, **({"row": row} if row else {})} for row in noted(self.server)]

    def received(self) -> Sequence[Any]:
        own = ("id", "version")
        return [
            {name: value for name, value in row.items() if name not in own}
            for row in noted(self.server)
            if row
        ]

    def state(self) -> Any:
        return noted(self.server), self.server.rows("id, version")

    @contextmanager
    def silent(self) -> Iterator[None]:
        self.line.is_silent = True
        yield
        self.line.is_silent = False


def test_it_keeps_the_contract(server) -> None:
    credentials = server.credentials()
    line = Line(credentials["host"], credentials["port"], *WRITES)
    try:
        check_contract(server.connector(), TablePeer(server, line))
    finally:
        line.close()


def test_an_older_version_never_overwrites_a_newer_one(server) -> None:
    with server.session() as session:
        assert kinds(session.push([upsert("a", 5, name="new"), upsert("b", 1, name="b")])) == [Accepted] * 2
        older, newer = session.push([upsert("a", 4, name="old"), upsert("b", 2, name="b2")])
    assert (type(older), older.code) == (Rejected, "conflict")
    assert "later version" in older.reason
    assert isinstance(newer, Accepted)
    assert server.rows() == [("a", "new", 5), ("b", "b2", 2)]


def test_the_same_version_is_written_again(server) -> None:
    """As after a change of the mapping, or when no answer came."""
    with server.session() as session:
        outcomes = [session.push([upsert("a", 5, name=name)])[0] for name in ("one", "two", "two")]
    assert kinds(outcomes) == [Accepted] * 3
    assert outcomes[0].remote == {"id": "a"}
    assert server.rows() == [("a", "two", 5)]


def test_a_column_that_is_left_out_stays_as_it_is(server) -> None:
    with server.session() as session:
        session.push([upsert("a", 1, name="Ana", age=30)])
        session.push([upsert("a", 2, name="Ana", email="ana@x.example")])
        session.push([upsert("a", 3, name="Ana", email=None)])
    assert server.rows("id, name, age, email, version") == [("a", "Ana", 30, None, 3)]


@pytest.mark.parametrize("operation", ["remove", "erase"])
def test_who_leaves_is_deleted_unless_the_table_has_a_later_version(server, operation) -> None:
    with server.session() as session:
        session.push([upsert(key, 3, name=key) for key in "abc"])
        outcomes = session.push(
            [leaving("a", 4, operation), leaving("b", 2, operation), leaving("gone", 1, operation)]
        )
    assert kinds(outcomes) == [Accepted, Rejected, Accepted]
    assert outcomes[1].code == "conflict"
    assert server.rows() == [("b", "b", 3), ("c", "c", 3)]


def test_several_of_one_profile_go_in_their_order(server) -> None:
    with server.session() as session:
        outcomes = session.push(
            [
                upsert("a", 1, name="one"),
                upsert("a", 2, name="two", age=2),
                leaving("a", 3),
                upsert("a", 4, name="four"),
            ]
        )
    assert kinds(outcomes) == [Accepted] * 4
    assert server.rows("id, name, age, version") == [("a", "four", None, 4)]


def test_one_bad_row_of_a_hundred_is_one_rejection(server, monkeypatch) -> None:
    deliveries = [upsert(f"p{at:03}", 1, name=f"n{at}", age=at) for at in range(100)]
    deliveries[37] = upsert("p037", 1, name="bad", age="thirty-seven")
    sent = []
    with server.session() as session:
        carry_out = session._carry_out
        monkeypatch.setattr(session, "_carry_out", lambda items: sent.append(len(items)) or carry_out(items))
        outcomes = session.push(deliveries)
    assert kinds(outcomes) == [Accepted] * 37 + [Rejected] + [Accepted] * 62
    assert (outcomes[37].code, outcomes[37].field) == ("invalid_field", "age")
    assert "thirty-seven" not in outcomes[37].reason
    assert len(server.rows()) == 99
    assert len(sent) <= 15  # halves of a hundred: two for each time that it is halved


def test_a_batch_is_one_statement_for_each_set_of_columns(server, monkeypatch) -> None:
    sent = []
    with server.session() as session:
        carry_out = session._carry_out
        monkeypatch.setattr(session, "_carry_out", lambda items: sent.append(len(items)) or carry_out(items))
        session.push([upsert(f"p{at}", 1, name="n", **({"age": at} if at % 2 else {})) for at in range(200)])
        monkeypatch.setattr(table_session, "STATEMENT_BYTES", 10_000)
        session.push([upsert(f"p{at}", 2, name="n" * 200) for at in range(100)])
    assert sent[:2] == [100, 100]
    assert len(sent) > 4
    assert sum(sent[2:]) == 100


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        ({"name": "x" * 201}, "too_large", "name"),
        ({"name": "n", "age": 2**40}, "invalid_field", "age"),
        ({"name": "n", "age": 1.5}, "invalid_field", "age"),
        ({"name": "n", "age": {"a": 1}}, "invalid_field", "age"),
        ({"name": None}, "missing_key", "name"),
        ({"age": 1}, "missing_key", "name"),
        ({"name": "n", "email": "taken@x.example"}, "duplicate", ""),
    ],
)
def test_what_a_refused_row_is_told(server, payload, code, field) -> None:
    with server.session() as session:
        session.push([upsert("other", 1, name="other", email="taken@x.example")])
        (outcome,) = session.push([upsert("a", 1, **payload)])
    # MariaDB takes the row with the taken address for that other one, which stays as it is.
    expected = "conflict" if code == "duplicate" and isinstance(server, MariaServer) else code
    assert (type(outcome), outcome.code, outcome.field) == (Rejected, expected, field)
    assert server.rows("id, name, email") == [("other", "other", "taken@x.example")]


def test_a_column_that_is_not_there_holds_with_the_statement_that_makes_it(server) -> None:
    with server.session() as session:
        outcomes = session.push(
            [upsert("a", 1, name="n", city="Graz"), upsert("b", 1, name="n", city="Linz")]
        )
        assert kinds(outcomes) == [Hold, Hold]
        assert (outcomes[0].code, outcomes[0].field) == ("missing_column", "city")
        server.run(str(outcomes[0].reason).partition("This makes it: ")[2])
        assert kinds(session.push([upsert("a", 2, name="n", city="Graz")])) == [Accepted]
        server.run("ALTER TABLE customers DROP COLUMN city")
        assert kinds(session.push([upsert("a", 3, name="n", city="Graz")])) == [Hold]
        assert kinds(session.push([upsert("a", 3, name="n")])) == [Accepted]
    assert server.rows() == [("a", "n", 3)]


def test_a_whole_payload_in_a_json_column(server) -> None:
    settings = {"table": "documents", "json_column": "payload", "key_column": "profile"}
    payloads = [{"a": [1, {"b": None}], "Ž": "100 % 'quoted' \\ \""}, [1, 2], "text", {}]
    deliveries = [Delivery(one, f"{at}", key=f"p{at}", version=7) for at, one in enumerate(payloads)]
    with server.session(**settings) as session:
        with pytest.raises(ConfigurationError, match=r"does not exist.*This makes it") as caught:
            session.check()
        server.run(str(caught.value).partition("This makes it: ")[2])
        assert (
            session.check().endswith("the table public.documents has 3 columns")
            or "documents" in session.check()
        )
        assert kinds(session.push(deliveries)) == [Accepted] * 4
        assert session.read(deliveries) == [Held(payload) for payload in payloads]
    assert server.connector().abilities_with(settings) == ("read",)


def test_what_is_held_is_read_in_the_payloads_form(server) -> None:
    kind = "timestamptz" if isinstance(server, PostgresServer) else "datetime"
    server.run(f"ALTER TABLE customers ADD COLUMN seen_at {kind}")
    sent = upsert("a", 1, name="Žofie", age=3, extra={"b": [1, None]}, seen_at="2026-03-01T12:00:00+02:00")
    with server.session() as session:
        session.push([sent])
        server.run("UPDATE customers SET email = 'by@hand.example'")
        found = session.read([sent, upsert("nobody", 1, name="n")])
        server.run("UPDATE customers SET name = 'by hand', age = 4")
        (changed,) = session.read([sent])
    assert found == [Held({**sent.payload, "email": "by@hand.example"}), Held()]
    assert (changed.payload["name"], changed.payload["age"]) == ("by hand", 4)


def test_the_fields_are_the_columns(server) -> None:
    kind = "integer GENERATED ALWAYS AS (age + 1) STORED"
    server.run(f"ALTER TABLE customers ADD COLUMN next_age {kind}")
    with server.session() as session:
        found = {field.name: field for field in session.fields()}
        (outcome,) = session.push([upsert("a", 1, name="n", next_age=3)])
    assert list(found) == ["name", "age", "extra", "email", "next_age"]
    assert [name for name, field in found.items() if field.unique] == ["email"]
    assert [name for name, field in found.items() if field.read_only] == ["next_age"]
    assert (type(outcome), outcome.field) == (Hold, "next_age")


def test_choices_of_a_column(server) -> None:
    if isinstance(server, PostgresServer):
        server.run("CREATE TYPE plan AS ENUM ('free', 'it''s')")
    kind = "plan" if isinstance(server, PostgresServer) else "enum('free', 'it''s')"
    server.run(f"ALTER TABLE customers ADD COLUMN plan {kind}")
    with server.session() as session:
        (field,) = [one for one in session.fields() if one.name == "plan"]
        outcomes = session.push(
            [upsert("a", 1, name="n", plan="it's"), upsert("b", 1, name="n", plan="gold")]
        )
    assert list(field.choices) == ["free", "it's"]
    assert kinds(outcomes) == [Accepted, Rejected]
    assert outcomes[1].field == "plan"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("id {id} PRIMARY KEY, name text", r"no column version.*ADD COLUMN .version. bigint"),
        ("name text, version bigint", r"no column id.*ADD COLUMN"),
        ("id {id}, version bigint", r"column id needs a unique index.*ADD UNIQUE"),
        ("id {id} PRIMARY KEY, version varchar(20)", r"version must hold whole numbers"),
    ],
)
def test_check_names_what_the_table_lacks_and_a_push_holds(server, table, words) -> None:
    server.run(f"CREATE TABLE few ({table.format(**server.types)})")
    with server.session(table="few") as session:
        with pytest.raises(ConfigurationError, match=words):
            session.check()
        (outcome,) = session.push([Delivery({}, "1", key="a", version=1)])
    assert isinstance(outcome, Hold)


def test_keys_that_take_different_ids_for_equal_are_refused(maria) -> None:
    maria.run("CREATE TABLE few (id varchar(50) COLLATE utf8mb4_general_ci PRIMARY KEY, version bigint)")
    with (
        maria.session(table="few") as session,
        pytest.raises(ConfigurationError, match=r"ids for equal.*utf8mb4_bin"),
    ):
        session.check()


@pytest.mark.parametrize(
    ("rights", "missing"),
    [("SELECT", "INSERT, UPDATE"), ("SELECT, INSERT", "UPDATE"), ("SELECT, UPDATE", "INSERT")],
)
def test_check_names_the_missing_right_and_a_push_holds(server, rights, missing) -> None:
    limited = server.limited_user(rights)
    with server.session(credentials=limited) as session:
        with pytest.raises(ConfigurationError, match=rf"rights in the table \S*customers: {missing}$"):
            session.check()
        (outcome,) = session.push([upsert("a", 1, name="n")])
    assert isinstance(outcome, Hold)
    assert server.rows() == []


def test_check_says_where_nobody_can_be_taken_out(server) -> None:
    limited = server.limited_user("SELECT, INSERT, UPDATE")
    with server.session(credentials=limited) as session:
        assert "without the right DELETE" in session.check()
        outcomes = session.push([upsert("a", 1, name="n"), leaving("b", 1)])
    assert kinds(outcomes) == [Accepted, Hold]


def test_a_locked_row_is_tried_again(server) -> None:
    with server.session(timeout=3) as session:
        session.push([upsert("a", 1, name="one")])
        with server.holding("a"):
            (outcome,) = session.push([upsert("a", 2, name="two")])
        assert isinstance(outcome, Retry)
        assert kinds(session.push([upsert("a", 2, name="two")])) == [Accepted]
    assert server.rows() == [("a", "two", 2)]


def test_a_connection_that_was_closed_meanwhile_is_made_again(server) -> None:
    with server.session() as session:
        session.push([upsert("a", 1, name="one")])
        server.end_connections()
        deliveries = [upsert("a", 2, name="two")]
        outcome = session.push(deliveries)[0]
        if isinstance(outcome, Unknown):  # the end had not come here yet
            outcome = session.push(deliveries)[0]
    assert isinstance(outcome, Accepted)
    assert server.rows() == [("a", "two", 2)]


def test_what_is_after_a_lost_answer_is_not_tried(server, monkeypatch) -> None:
    credentials = server.credentials()
    line = Line(credentials["host"], credentials["port"], *WRITES)
    monkeypatch.setattr(table_session, "STATEMENT_BYTES", 1)
    with server.session(timeout=1, credentials={"port": line.port}) as session:
        line.is_silent = True
        outcomes = session.push([upsert(key, 1, name=key) for key in "abc"])
        line.is_silent = False
        again = session.push([upsert(key, 1, name=key) for key in "abc"])
    line.close()
    assert kinds(outcomes) == [Unknown, Retry, Retry]
    assert kinds(again) == [Accepted] * 3
    assert server.rows() == [("a", "a", 1), ("b", "b", 1), ("c", "c", 1)]


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"user": "nobody-here", "password": "wr0ng-pass"}, ConfigurationError, "user name or the password"),
        ({"database": "no_such_database"}, ConfigurationError, "no_such_database"),
        ({"port": 1}, Unreachable, "could not connect to 127.0.0.1:1"),
        ({"tls": True}, ConfigurationError, "does not speak TLS"),
        ({"host": "no-such-host.invalid"}, Unreachable, "cannot be resolved"),
    ],
)
def test_what_a_failed_connection_says(server, wrong, error, words) -> None:
    with server.session(credentials=wrong) as session:
        for attempt in (session.check, lambda: session.push([upsert("a", 1, name="n")])):
            with pytest.raises(error, match=words) as caught:
                attempt()
            assert "wr0ng-pass" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"table": "{{profile@id}}"}, r"\{\{"),
        ({"table": "a;b"}, "without quotes"),
        ({"table": "a", "key_column": "x", "version_column": "X"}, "different columns"),
    ],
)
def test_settings_that_are_refused(settings, words) -> None:
    for connector in (PostgresServer.connector(), MariaServer.connector()):
        given = {"host": "h.example", "database": "d", "user": "u", "password": "p"}
        for use in (connector.open, lambda *given, one=connector: one.describe(*given, upsert("a", 1))):
            with pytest.raises(ConfigurationError, match=words):
                use(given, settings)


def test_a_delivery_without_a_key_is_refused(server) -> None:
    with server.session() as session:
        (outcome,) = session.push([Delivery({"name": "n"}, "1", version=1)])
    assert isinstance(outcome, Rejected)
    assert "no key" in outcome.reason


def test_a_row_larger_than_the_server_takes_fails_alone(maria) -> None:
    maria.run("ALTER TABLE customers ADD COLUMN note longtext")
    ((most,),) = maria.run("SELECT @@max_allowed_packet")
    with maria.session(timeout=20) as session:
        outcomes = session.push(
            [upsert("a", 1, name="n", note="x" * (most + 100)), upsert("b", 1, name="n", note="")]
        )
    assert kinds(outcomes) == [Rejected, Accepted]
    assert outcomes[0].code == "too_large"


def test_certificates_are_verified(postgres, tmp_path) -> None:
    line = TlsLine(postgres.credentials()["port"], tmp_path, SSL_REQUEST)
    secure = {"tls": True, "port": line.port}
    with (
        postgres.session(credentials=secure) as session,
        pytest.raises(Unreachable, match="could not be verified"),
    ):
        session.check()
    with postgres.session(credentials={**secure, "authorities": line.certificate}) as session:
        assert kinds(session.push([upsert("a", 1, name="n")])) == [Accepted]
    line.close()


@pytest.mark.parametrize("settings", [{}, {"json_column": "extra"}])
def test_the_row_that_is_shown_is_the_one_that_is_written(server, settings) -> None:
    given = {"table": "customers", **settings}
    server.run("ALTER TABLE customers ALTER COLUMN name SET DEFAULT 'none'")
    payload: dict[str, Any] = {"name": "Žofie", "age": 47, "email": None, "extra": {"list": [1, None, True]}}
    delivery = upsert("p 1/ž", 9, **payload)
    told = server.connector().describe(server.credentials(), given, delivery)
    with server.session(**settings) as session:
        assert kinds(session.push([delivery])) == [Accepted]
        [held] = session.read([delivery])
    row = told["row"]
    plain = [name for name in row if name != "extra"]
    assert server.rows(", ".join(plain)) == [tuple(row[name] for name in plain)]
    assert (held.payload if settings else held.payload["extra"]) == row["extra"]
