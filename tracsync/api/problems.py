"""What an error looks like: one JSON object as RFC 9457 has it, with a code, and a place for each mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from django.http import HttpResponse, JsonResponse
from rest_framework.settings import api_settings

MEDIA_TYPE = "application/problem+json"
MOST_SAID = 3  # mistakes in one sentence

Path = tuple[str | int, ...]


class Mistake(NamedTuple):
    """One thing that is wrong with a request; `path` leads to it in the body, `()` is all of it."""

    detail: str
    code: str
    path: Path = ()


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The object that is answered; `more` are members that only this kind of error has."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, **more}


def respond(
    status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> HttpResponse:
    """The same as an answer of what is no view of the framework."""
    body = problem(status, code, detail, **more)
    return JsonResponse(body, status=status, headers=headers, content_type=MEDIA_TYPE)


def invalid(mistakes: Sequence[Mistake], in_body: bool) -> dict[str, Any]:
    """Members of an answer to a request that says something wrong. What is not in the body is a parameter."""
    return {
        "detail": _sentence(mistakes),
        "errors": [{"detail": one.detail, "code": one.code, **_place(one.path, in_body)} for one in mistakes],
    }


def mistakes(detail: Any, path: Path = ()) -> Iterator[Mistake]:
    """The framework's nested lists and objects of sentences, one after the other."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            is_whole = key == api_settings.NON_FIELD_ERRORS_KEY or (key == "detail" and not path)
            yield from mistakes(value, path if is_whole else (*path, key))
    elif isinstance(detail, list):
        for number, item in enumerate(detail):
            yield from mistakes(item, (*path, number) if isinstance(item, dict | list) else path)
    else:
        yield Mistake(str(detail), getattr(detail, "code", None) or "invalid", path)


def pointer(path: Iterable[str | int]) -> str:
    """RFC 6901, as the fragment of an address: `#/mapping/email`."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "#" + "".join(f"/{quote(part, safe='~!$&()*+,;=:@')}" for part in parts)


def _place(path: Path, in_body: bool) -> dict[str, str]:
    if in_body:
        return {"pointer": pointer(path)}
    return {"parameter": str(path[0])} if path else {}


def _sentence(mistakes: Sequence[Mistake]) -> str:
    said = [f"{'.'.join(map(str, one.path))}: {one.detail}" if one.path else one.detail for one in mistakes]
    more = len(said) - MOST_SAID
    return "; ".join(said[:MOST_SAID]) + (f"; and {more} more" if more > 0 else "")
