"""A push to a table: few statements for many rows, and one bad row fails alone."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from destinations.connectors.base import (
    JSON,
    Accepted,
    ConfigurationError,
    Delivery,
    Exchange,
    Field,
    Held,
    Hold,
    Outcome,
    Rejected,
    Retry,
    Unknown,
    Unreachable,
)
from destinations.connectors.http.payload import UnwritableError, json_bytes
from destinations.connectors.redaction import Redactor, cut
from destinations.connectors.sql import table
from destinations.connectors.sql.database import Database, DatabaseServer, Fault, StatementError
from destinations.connectors.sql.table import Column, Place, Row
from tracsync.common.messages import Message, message

STATEMENT_BYTES = 1024 * 1024  # of rows in one statement; servers take 16 MiB and more
_JSON = frozenset({"json", "jsonb"})  # types whose values are documents; others have them as texts
_CONFLICT = message(
    "the table has a later version of this row, or one of its unique values belongs to another row:"
    " nothing was changed"
)
_TROUBLE = {
    Fault.LOST: message("the connection was lost"),
    Fault.BUSY: message("the database is busy"),
}
_NO_KEY = message("the delivery has no key: a row needs the profile's id")


@dataclass(slots=True)
class _Item:
    delivery: Delivery
    row: Row
    size: int
    exchange: Exchange
    outcome: Outcome | None = None


def row_of(delivery: Delivery, place: Place) -> Row:
    """The row that a delivery is about. Raises UnwritableError for what no row can be made of."""
    key = str(delivery.remote.get("id") or delivery.key)
    if not key:
        raise UnwritableError(_NO_KEY)
    if delivery.operation != "upsert":
        return Row(key, delivery.version, {})
    if place.document:
        return Row(key, delivery.version, {place.document: delivery.payload})
    if not isinstance(delivery.payload, Mapping):
        raise UnwritableError(message("the payload must be an object: each of its fields is a column"))
    for name in (place.key, place.version):
        if name in delivery.payload:
            raise UnwritableError(
                message("the column %(column)s is filled by itself: take it out of the mapping", column=name)
            )
    return Row(key, delivery.version, delivery.payload)


class TableSession:
    """Few statements for many deliveries; each is a transaction of its own, so what one has done stays."""

    def __init__(self, database: Database, server: DatabaseServer, place: Place, redactor: Redactor) -> None:
        self._database, self._server, self._place, self._redactor = database, server, place, redactor
        self._columns: dict[str, Column] = {}
        self._halt: Outcome | None = None

    def close(self) -> None:
        self._database.close()

    def check(self) -> str:
        """Connect and look at the table and at the rights in it."""
        try:
            self._look()
            missing = self._database.missing_rights()
        except StatementError as error:
            raise self._not_looked_at(error) from None
        if needed := [right for right in missing if right != "DELETE"]:
            raise ConfigurationError(
                message(
                    "this user lacks rights in the table %(name)s: %(rights)s",
                    name=str(self._place),
                    rights=", ".join(needed),
                )
            )
        told = {"server": str(self._server), "name": str(self._place), "count": len(self._columns)}
        if missing:
            return message(
                "connected to %(server)s: the table %(name)s has %(count)s columns;"
                " without the right DELETE profiles that leave cannot be taken out",
                **told,
            )
        return message("connected to %(server)s: the table %(name)s has %(count)s columns", **told)

    def fields(self) -> Sequence[Field]:
        try:
            self._look()
        except StatementError as error:
            raise self._not_looked_at(error) from None
        return table.fields(self._place, self._columns.values())

    def read(self, deliveries: Sequence[Delivery]) -> Sequence[Held]:
        keys = [str(delivery.remote.get("id") or delivery.key) for delivery in deliveries]
        try:
            self._look()
            found = self._database.read(self._columns, keys)
        except StatementError as error:
            raise self._not_looked_at(error) from None
        return [
            Held() if row is None else Held(self._as_sent(row, delivery.payload))
            for row, delivery in zip(found, deliveries, strict=True)
        ]

    def push(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self._halt = None
        self._database.connect()
        outcomes: list[Outcome | None] = [None] * len(deliveries)
        items: dict[int, _Item] = {}
        for at, delivery in enumerate(deliveries):
            try:
                items[at] = self._item(delivery)
            except UnwritableError as error:
                outcomes[at] = Rejected(str(error), code="invalid_field")
        for group in _groups(items.values()):
            self._send(group)
        for at, item in items.items():
            outcomes[at] = item.outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _item(self, delivery: Delivery) -> _Item:
        row = row_of(delivery, self._place)
        written = json_bytes(row.values)
        shown = f"{delivery.operation} {self._place} {self._place.key}={row.key!r} version={row.version}"
        text = f"{shown}\n\n{written.decode()}" if row.values else shown
        return _Item(delivery, row, len(written), Exchange(self._redactor.excerpt(text)))

    def _send(self, group: Sequence[_Item]) -> None:
        """Give each its outcome; what cannot be written as a whole is halved."""
        waiting = [group]
        while waiting:
            items = waiting.pop()
            if self._halt is not None:
                _end(items, self._halt)
                continue
            try:
                done = self._carry_out(items)
            except StatementError as error:
                if error.fault is Fault.ROW and len(items) > 1:
                    waiting += _halves(items)
                else:
                    self._refused(items, error)
                continue
            except (ConfigurationError, Unreachable) as error:
                self._halt = Retry(message("not tried: %(reason)s", reason=str(error)))
                _end(items, self._halt)
                continue
            if done == len(items):
                for item in items:
                    remote = {"id": item.row.key} if item.delivery.operation == "upsert" else None
                    item.outcome = Accepted(remote, exchange=item.exchange)
            elif len(items) > 1:
                waiting += _halves(items)
            else:
                items[0].outcome = Rejected(_CONFLICT, items[0].exchange, code="conflict")

    def _carry_out(self, items: Sequence[_Item]) -> int:
        """How many rows are as they should be now."""
        rows = [item.row for item in items]
        self._database.connect()
        self._look_for(rows[0].values)
        if items[0].delivery.operation != "upsert":
            return self._database.delete(rows)
        return self._database.upsert(self._columns, [self._written(row) for row in rows])

    def _written(self, row: Row) -> Row:
        """With a document as a text where its column holds texts."""
        document = self._place.document
        if not document or self._columns[document].type in _JSON:
            return row
        return Row(row.key, row.version, {document: json_bytes(row.values[document]).decode()})

    def _look_for(self, wanted: Mapping[str, JSON]) -> None:
        """Have all columns that are wanted. Raises StatementError that names the one that is not there."""
        if not self._columns or any(name not in self._columns for name in wanted):
            self._look()
        for name, value in wanted.items():
            column = self._columns.get(name)
            if column is None:
                statement = self._database.words.add(name, self._kind(value))
                said = table.missing(self._place, name, statement)
                raise StatementError(Fault.TABLE, said, "missing_column", name)
            if column.computed:
                said = message("the column %(column)s is filled by the database itself", column=name)
                raise StatementError(Fault.TABLE, said, "invalid_field", name)

    def _kind(self, value: JSON) -> str:
        """The type of a column for such a value."""
        if isinstance(value, bool):
            return "boolean"
        if isinstance(value, int | float):
            return "bigint" if isinstance(value, int) else "double precision"
        return self._database.words.document if isinstance(value, Mapping | list) else "text"

    def _look(self) -> None:
        """Read the table's columns anew. Raises StatementError where no row can be written."""
        self._database.connect()
        self._columns = {column.name: column for column in self._database.columns()}
        if said := table.problem(self._place, self._columns, self._database.words):
            self._columns = {}
            raise StatementError(Fault.TABLE, said)

    def _not_looked_at(self, error: StatementError) -> ConfigurationError | Unreachable:
        said = self._in_words(error)
        if error.fault in (Fault.LOST, Fault.BUSY):
            return Unreachable(cut(message("the database failed: %(said)s", said=said)))
        return ConfigurationError(cut(said))

    def _refused(self, items: Sequence[_Item], error: StatementError) -> None:
        if error.fault is Fault.TABLE:
            self._columns = {}  # somebody may have changed the table
        for item in items:
            item.outcome = self._outcome(item, error)
        if error.fault in (Fault.LOST, Fault.BUSY):
            self._halt = Retry(message("not tried: %(reason)s", reason=_TROUBLE[error.fault]))

    def _outcome(self, item: _Item, error: StatementError) -> Outcome:
        said = self._in_words(error, [item.row.values, item.row.key])
        if error.fault is Fault.LOST:
            reason = message("the connection was lost before the database answered: %(said)s", said=said)
            return Unknown(reason, item.exchange)
        if error.fault is Fault.BUSY:
            return Retry(message("the database is busy: %(said)s", said=said), None, item.exchange)
        if error.fault is Fault.TABLE:
            return Hold(said, item.exchange, error.code, error.column)
        column = error.column if error.column in self._columns else ""
        if not column and error.code in ("invalid_field", "too_large"):
            column = self._culprit(item)
        reason = message("the database refused the row: %(said)s", said=said)
        return Rejected(reason, item.exchange, code=error.code, field=column)

    def _in_words(self, error: StatementError, payload: JSON = None) -> str:
        """What it says: our own sentences as they are, the server's without what it repeats."""
        said = error.said
        return cut(said) if isinstance(said, Message) else self._redactor.reason(said, payload)

    def _culprit(self, item: _Item) -> str:
        try:
            self._database.connect()
            return self._database.culprit(self._columns, item.row)
        except (StatementError, ConfigurationError, Unreachable):
            return ""

    def _as_sent(self, row: Mapping[str, JSON], payload: JSON) -> JSON:
        """What the table has, in the payload's own writing where that comes to the same."""
        held = {
            name: value for name, value in row.items() if name not in (self._place.key, self._place.version)
        }
        document = self._place.document
        if document and self._columns[document].type not in _JSON and isinstance(held[document], str):
            with suppress(ValueError):  # somebody has written something else
                held[document] = json.loads(held[document])
        sent = {document: payload} if document else payload if isinstance(payload, Mapping) else {}
        for name, value in sent.items():
            if name in held and self._database.is_same(self._columns[name], value, held[name]):
                held[name] = value
        return held[document] if document else held


def _groups(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    """Items that can share a statement: of one kind, with the same columns, and never two of one row.

    Those of one row stay in their order.
    """
    seen: Counter[str] = Counter()
    groups: dict[tuple[int, bool, tuple[str, ...]], list[_Item]] = defaultdict(list)
    for item in items:
        is_upsert = item.delivery.operation == "upsert"
        # The rows of a statement have their columns in one order.
        item.row = Row(item.row.key, item.row.version, dict(sorted(item.row.values.items())))
        groups[seen[item.row.key], is_upsert, tuple(item.row.values)].append(item)
        seen[item.row.key] += 1
    for (_turn, _kind, _columns), found in sorted(groups.items(), key=lambda one: one[0][0]):
        yield from _small(found)


def _small(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Parts that one statement can hold."""
    part: list[_Item] = []
    size = 0
    for item in items:
        if part and size + item.size > STATEMENT_BYTES:
            yield part
            part, size = [], 0
        part.append(item)
        size += item.size
    yield part


def _halves(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    """The first half last, as that is sent next."""
    middle = len(items) // 2
    return [items[middle:], items[:middle]]


def _end(items: Sequence[_Item], outcome: Outcome) -> None:
    for item in items:
        item.outcome = outcome
