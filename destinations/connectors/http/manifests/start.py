"""A manifest to begin with: it works with an invented system, and its comments say what to change."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

# In the order of the comments in start.json.
EDITS: Final = (
    "name, version, description, kind: what people see; credentials: what they enter, base_url's default",
    "payload: what the mapping has to make",
    "auth: how calls are signed in (none, basic, bearer, header, query, oauth2, jwt, signature, aws, azure)",
    "check: a call that changes nothing",
    "push, remote_id: the calls for a profile; remove, erase: for one that leaves, or is to be forgotten",
    "answers: what answers mean where the status does not say it",
    "tests: what the system really answers",
)


def text(slug: str) -> str:
    """The file for a connector of this slug, whose name is made of it."""
    start = files(__package__).joinpath("start.json").read_text(encoding="utf-8")
    return start.replace('"SLUG"', f'"{slug}"').replace('"NAME"', f'"{slug.replace("_", " ").capitalize()}"')
