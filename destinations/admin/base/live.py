"""Pages that follow what happens: `static/tracsync/live.js` asks for parts of them again.

An element with an id and `data-live` is asked for again after so many seconds, and becomes what the answer
has under its id, until that has no `data-live` any more.
"""

from __future__ import annotations

from django.http import HttpRequest

HEADER = "X-Tracsync-Live"
WORKING, STEADY = (
    2,
    10,
)  # seconds between two looks: while something is done, and where others may do something


def is_look(request: HttpRequest) -> bool:
    """Whether a page that is open asks for what has changed: nobody reads messages in the answer."""
    return HEADER in request.headers
