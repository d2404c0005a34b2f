"""A request as it is described: method, path, query, headers and body, each made of templates.

They are the notation's, read once, over the sources that SOURCES names. In a path every `{{value}}` is one
percent-encoded segment; in path, query and headers a value that is missing is an error that names it, unless
the key ends with `?`. Nothing of a value can become syntax: no separator, no second header, no other host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from destinations.connectors.base import JSON, ConfigurationError
from destinations.connectors.http import payload
from destinations.connectors.http.client import Request
from destinations.connectors.http.wire.request_headers import check_header, is_sendable
from destinations.connectors.redaction import mask_url
from destinations.notation import NotationError, Template, parse_template
from tracsync.common.messages import Message, message

Sources = Mapping[str, Any]

SOURCES: Final = ("profile", "delivery", "settings", "credentials", "item", "items")
KNOWN: Final = (*SOURCES, "answer", "reply", "job", "page", "link")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")

_BRACES = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*+)\}\}", re.DOTALL)
_WHOLE = re.compile(rf"(?:(?<=\{{\{{)|^`?)\s*(?:{'|'.join(KNOWN)})@(?=\s*(?:\}}\}}|`?$))")
_LEFT = re.compile(
    rf"\{{\{{|(?<![\w:.+-])(?:{'|'.join((*SOURCES[:2], 'answer'))})@"
)  # items@x.example may be an address
_NO_LIST_IN_PATH: Final = message("%(field)s is a list, and a path needs one value")
_NO_LIST_IN_HEADER: Final = message("%(field)s is a list, and a header has one value")
_AS_IT_IS = "/:@!$&'()*+,;=~-._%"  # in the fixed part of a path


class UnusableError(Exception):
    """A value that is missing, or cannot stand where it should: the delivery cannot be sent.

    `code` is missing_key or invalid_field, `field` the reference, or the name of the header or parameter.
    """

    def __init__(self, text: str, code: str, field: str) -> None:
        super().__init__(text)
        self.code, self.field = code, field


@dataclass(frozen=True, slots=True)
class Base:
    """What all calls have in common: the address that they begin with, and headers."""

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallTemplate:
    """One call, made by `call`. What is the same in each of them is put together there.

    `fixed` and `headers` are what is known of the headers, and what is filled in. `sends_document`: its body
    is what is delivered, and no template. `is_plain`: nothing is filled in but the document.
    """

    method: str
    url: str
    shown_url: str
    fixed: Mapping[str, str]
    content_type: str
    path: Sequence[str | FieldTemplate]
    query: Sequence[FieldTemplate]
    headers: Sequence[FieldTemplate]
    body: Template | None
    encoding: str
    numeric_booleans: bool
    sends_document: bool
    is_plain: bool

    def request(self, sources: Sources, document: JSON, more: Mapping[str, str]) -> Request:
        """The request of what is delivered (`document`), with `more` headers.

        Raises UnusableError, UnwritableError, and NotationError for a formula that cannot be answered.
        """
        sent, content_type = {**self.fixed, **more}, self.content_type
        if self.headers:
            sent = _with(sent, dict(self._headers(sources)))
            content_type = _popped(sent, "content-type") or content_type
        pairs = [(one.name, text) for one in self.query for text in one.texts(sources)]
        content, body = document, None
        if self.body is not None:
            content = self.body.render(sources)
        if self.method == "GET" and self.sends_document:
            pairs += payload.flatten(content, numbers=self.numeric_booleans)
        elif self.sends_document or self.body is not None:
            body, content_type = payload.encoded(
                content, self.encoding, content_type, numbers=self.numeric_booleans
            )
        if content_type:
            sent["Content-Type"] = content_type
        path = self._path(sources) if self.path else ""
        url, shown = extended(self.url, path, pairs), extended(self.shown_url, path, pairs)
        return Request(self.method, url, sent, body, shown)

    def beginning_with(self, base: Base) -> CallTemplate:
        """The same call to another address, with headers that its own go on from."""
        fixed = _with(base.headers, self.fixed)
        content_type = self.content_type or _popped(fixed, "content-type")
        return replace(
            self, url=base.url, shown_url=mask_url(base.url), fixed=fixed, content_type=content_type
        )

    def references(self, source: str) -> Iterator[str]:
        """The texts of its references to a source."""
        fields = [one for one in self.path if not isinstance(one, str)] + [*self.query, *self.headers]
        templates = [one.template for one in fields] + ([self.body] if self.body else [])
        for template in templates:
            yield from (text for text in template.references if text.startswith(f"{source}@"))

    def _path(self, sources: Sources) -> str:
        path = "".join(one if isinstance(one, str) else one.segment(sources) for one in self.path)
        if leads_elsewhere(path):
            names = [one.name for one in self.path if not isinstance(one, str)]
            text = message("the path would lead elsewhere: a part of it becomes . or ..")
            raise UnusableError(text, "invalid_field", names[0] if names else "path")
        return path

    def _headers(self, sources: Sources) -> Iterator[tuple[str, str]]:
        for one in self.headers:
            text = one.text(sources, _NO_LIST_IN_HEADER)
            if text is None:
                continue
            if not is_sendable(text):
                unusable = message("the value of header %(name)s holds characters that a header cannot carry")
                raise one.unusable(unusable.with_values(name=one.name))
            if text.strip() or not one.optional:
                yield one.name, text.strip()


@dataclass(frozen=True, slots=True)
class FieldTemplate:
    """A value in a path, query or header.

    `needed`: each reference of a text, to find the missing one. `fixed`: the value, if nothing is filled in.
    """

    name: str
    template: Template
    optional: bool = False
    needed: Sequence[Template] = ()
    numeric_booleans: bool = False
    fixed: str | None = None

    def texts(self, sources: Sources) -> list[str]:
        """The value as text, of a list each item; none for an optional one that is missing."""
        value = self._value(sources)
        if value is None:
            return []
        return [self._text(item) for item in value] if isinstance(value, list) else [self._text(value)]

    def text(self, sources: Sources, no_list: Message) -> str | None:
        """The value as text where there is place for one only; None for an optional one that is missing.

        `no_list` says so of a list, also of one with a single item: another profile has two.
        """
        value = self._value(sources)
        if isinstance(value, list):
            raise self.unusable(no_list.with_values(field=self.name))
        return None if value is None else self._text(value)

    def _value(self, sources: Sources) -> JSON:
        if self.fixed is not None:
            return self.fixed
        value = self.template.render(sources)
        missing = [one for one in self.needed if one.render(sources) in (None, "")]
        if value is None or missing:
            if self.optional:
                return None
            field = self._missing(missing or self._referred(sources), sources)
            raise UnusableError(message("%(field)s is missing", field=field), "missing_key", field)
        return value

    def _referred(self, sources: Sources) -> list[Template]:
        """What the value is made of, each alone."""
        return [parse_template(text, tuple(sources)) for text in self.template.references]

    def _missing(self, parts: Sequence[Template], sources: Sources) -> str:
        """The reference that leads nowhere, else the name of the field."""
        gone = (one for one in parts if one.render(sources) in (None, ""))
        return next((text for one in gone for text in one.references), self.name)

    def segment(self, sources: Sources) -> str:
        """The value as one segment of a path, percent-encoded."""
        text = self.text(sources, _NO_LIST_IN_PATH)
        if not (text or "").strip():
            raise UnusableError(message("%(field)s is blank", field=self.name), "missing_key", self.name)
        try:
            return quote(text or "", safe="")
        except UnicodeEncodeError:
            raise self.unusable(message("%(field)s holds half of a character", field=self.name)) from None

    def unusable(self, text: str) -> UnusableError:
        return UnusableError(text, "invalid_field", self.name)

    def _text(self, value: JSON) -> str:
        if value is None or isinstance(value, Mapping | list):
            kind = message("%(field)s is no single value, such as a text or a number", field=self.name)
            raise self.unusable(kind)
        return payload.as_text(value, self.numeric_booleans)


def call(
    given: Mapping[str, JSON],
    place: str,
    sources: Sequence[str] = SOURCES,
    base: Base | None = None,
    *,
    document: bool = True,
) -> CallTemplate:
    """A call from `{"method", "path", "query", "headers", "body", "encoding"}`, of which none is needed.

    `place` is its name in messages, "" for the settings themselves; `base`: what its address and headers go
    on from; `document`: without a body of its own it sends what is delivered. Raises ConfigurationError that
    says where and what would be right.
    """
    base = base or Base()
    method = str(given.get("method") or "POST").upper()
    at = f"{place}." if place else ""
    numbers = bool(given.get("numeric_booleans"))
    headers = [
        _field(name, value, f"{at}headers", sources, numbers)
        for name, value in (given.get("headers") or {}).items()
    ]
    for one in headers:
        check_header(one.name, one.fixed or "")
    if len({one.name.lower() for one in headers}) < len(headers):
        raise ConfigurationError(message("a header is given twice; upper and lower case make no difference"))
    body = given.get("body")
    path = _path(str(given.get("path") or ""), f"{at}path", sources)
    query = [
        _field(name, value, f"{at}query", sources, numbers)
        for name, value in (given.get("query") or {}).items()
    ]
    own = [one for one in headers if one.name.lower() != "idempotency-key"]  # it is ours
    filled = [one for one in own if one.fixed is None]
    fixed = _with(base.headers, {one.name: one.fixed.strip() for one in own if one.fixed is not None})
    return CallTemplate(
        method,
        base.url,
        mask_url(base.url),
        fixed,
        _popped(fixed, "content-type"),
        path,
        query,
        filled,
        None if body is None else template(body, f"{at}body", without_profile(sources)),
        str(given.get("encoding") or ""),
        numbers,
        sends_document=document and body is None,
        is_plain=body is None and not (path or query or filled),
    )


def template(value: JSON, place: str, sources: Sequence[str]) -> Template:
    """A template over these sources; `items@` alone is the whole. Raises ConfigurationError."""
    try:
        made = parse_template(_whole(value), tuple(sources))
    except NotationError as error:
        raise ConfigurationError(message("%(field)s: %(reason)s", field=place, reason=str(error))) from None
    for text in _texts(made.value):
        _check_resolved(text, place, sources)
    return made


def check_formulas(value: JSON, within: bool = False) -> None:
    """Credentials go out whole, so that previews can mask them: a formula could show them piece by piece."""
    if isinstance(value, Mapping):
        within = within or any(str(name).startswith("$") for name in value)
        for item in value.values():
            check_formulas(item, within)
    elif isinstance(value, list):
        for item in value:
            check_formulas(item, within)
    elif within and isinstance(value, str) and "credentials@" in value:
        raise ConfigurationError(
            message("credentials@ cannot stand in a formula: only alone, or in a text in {{ }}")
        )


def without_profile(sources: Sequence[str]) -> list[str]:
    """The sources of a body: what a profile says gets there through the mapping."""
    return [source for source in sources if source != "profile"]


def extended(url: str, path: str, pairs: Sequence[tuple[str, str]]) -> str:
    """The URL with a path (and its query) appended to its own, and more parameters. The host stays."""
    if not path and not pairs:
        return url
    parts = urlsplit(url)
    more, _mark, query = path.partition("?")
    if more:
        more = f"{parts.path.rstrip('/')}/{more.lstrip('/')}"
    queries = filter(None, (parts.query, query, urlencode(pairs)))
    return urlunsplit(parts._replace(path=more or parts.path, query="&".join(queries), fragment=""))


def _with(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Both, the second winning whatever the case of the names."""
    names = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **more}


def _popped(headers: dict[str, str], name: str) -> str:
    """The value of a header, which is taken out; "" if there is none."""
    return next((headers.pop(one) for one in list(headers) if one.lower() == name), "")


def _field(key: str, value: JSON, place: str, sources: Sequence[str], numbers: bool) -> FieldTemplate:
    name, optional = key.removesuffix("?"), key.endswith("?")
    made = template(value, f"{place}.{name}", sources)
    if not isinstance(value, str):
        return FieldTemplate(name, made, optional, numeric_booleans=numbers)
    needed = [parse_template(text, tuple(sources)) for text in made.references if "{{" in value]
    is_fixed = not made.references and "item@" not in value
    return FieldTemplate(name, made, optional, needed, numbers, str(made.render({})) if is_fixed else None)


def _path(text: str, place: str, sources: Sequence[str]) -> list[str | FieldTemplate]:
    """Alternately what is fixed and what is filled in."""
    parts: list[str | FieldTemplate] = []
    for position, piece in enumerate(_BRACES.split(text)):
        if position % 2:
            made = template(piece.strip(), place, sources)
            if not re.match(rf"(?:{'|'.join(sources)})@", piece.strip()):
                raise _unresolved(place, sources)
            parts.append(FieldTemplate(piece.strip(), made))
        elif "{{" in piece or re.search(rf"(?<!\w)(?:{'|'.join({*SOURCES, *sources})})@", piece):
            raise _unresolved(place, sources)
        elif set(piece) & set("#\\ ") or not piece.isprintable():
            raise ConfigurationError(
                message(
                    "%(field)s cannot hold spaces, # or a backslash; a value is written {{profile@id}}",
                    field=place,
                )
            )
        elif piece:
            parts.append(quote(piece, safe=_AS_IT_IS + "?"))
    if leads_elsewhere("".join(part if isinstance(part, str) else "x" for part in parts)):
        raise ConfigurationError(message("%(field)s cannot hold the parts . and ..", field=place))
    return parts


def leads_elsewhere(path: str) -> bool:
    """Whether parts of it are . or .., which libraries and servers follow upwards, encoded or not."""
    return any(unquote(part) in (".", "..") for part in path.partition("?")[0].split("/"))


def _whole(value: JSON) -> JSON:
    """A source alone, `items@`, as the notation writes it: `items@...`"""
    if isinstance(value, str):
        return _WHOLE.sub(lambda found: found[0] + "...", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {key: _whole(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if not name.startswith("$") or name == "$map":  # formulas say themselves what is wrong with them
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _check_resolved(text: str, place: str, sources: Sequence[str]) -> None:
    """Refuse what its writer expects to be filled in, and is not."""
    known = rf"\s*(?:{'|'.join(sources)})@"
    left = _BRACES.sub(lambda found: "" if re.match(known, found[1]) else found[0], text)
    if not left.startswith("\\") and not re.match(f"`?{known}", left) and _LEFT.search(left):
        raise _unresolved(place, sources)


def _unresolved(place: str, sources: Sequence[str]) -> ConfigurationError:
    return ConfigurationError(
        message(
            "%(field)s holds {{ or a reference that would be sent just so; here a value is written"
            " {{%(example)s}}, of %(names)s",
            field=place,
            example="delivery@key" if "delivery" in sources else f"{sources[0]}@...",
            names=", ".join(f"{source}@" for source in sources),
        )
    )
