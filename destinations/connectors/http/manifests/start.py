"""A manifest to begin with: it works with an invented system, and its comments say what to change."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

# In the order of the comments in start.json.
EDITS: Final = (
    "credentials: what a person enters to sign in, and base_url's default",
    "payload: what the mapping has to make",
    "auth: how calls are signed in",
    "check: a call that changes nothing",
    "push, remote_id, remove: the calls for a profile",
    "answers: what answers mean where the status does not say it",
    "tests: what the system really answers",
)


def text(slug: str) -> str:
    """The file for a connector of this slug, whose name is made of it."""
    start = files(__package__).joinpath("start.json").read_text(encoding="utf-8")
    return start.replace('"SLUG"', f'"{slug}"').replace('"NAME"', f'"{slug.replace("_", " ").capitalize()}"')
