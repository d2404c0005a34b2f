"""Django's WSGI application, whose requests are UTF-8, and told soon where the database is held."""

from __future__ import annotations

from typing import Any, Final

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.http import parse_header_parameters

LOCK_SECONDS: Final = 5  # as long as `lock_timeout` lets PostgreSQL wait


class Request(WSGIRequest):
    """What is sent is UTF-8, whatever charset it says: any of Python's codecs could stand there, and Django
    would fail with those that are for no text, before anything of ours is asked.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Handler(WSGIHandler):
    request_class = Request


def application() -> Handler:
    """For a process that does nothing but answer: whoever asks waits less for SQLite's lock than a worker."""
    options = connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"]
    if "timeout" in options:  # of connections that are made from now on
        options["timeout"] = LOCK_SECONDS
    return Handler()
