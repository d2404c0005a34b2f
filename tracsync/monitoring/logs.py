"""What is left out of the log: ids of people in addresses, and tracebacks of requests that were refused."""

from __future__ import annotations

import logging
import re

CUT = "…"
# Of the API and of the admin, wherever they were put. What stands after it may be an id, also with slashes.
_NAMED = re.compile(
    r"((?:/api(?:/v\d+)?/profiles|/profiles/profile)/)(?!(?:add|bulk|bulk/delete)/?$)\S.*", re.DOTALL
)


def without_ids(text: str) -> str:
    return _NAMED.sub(rf"\1{CUT}", text)


class WithoutIds(logging.Filter):
    """Of handlers, so that it counts for what Django, the web server and other packages log of a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        cut = without_ids(text)
        if cut != text:
            record.msg, record.args = cut, ()
        return True


class WithoutRefusals(logging.Filter):
    """A request that is refused is one line: only what went wrong here has a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and record.levelno < logging.ERROR:
            record.exc_info = record.exc_text = None
        return True
