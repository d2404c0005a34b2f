"""What the engine, the connectors and the notation say, in the language of whoever reads it."""

from __future__ import annotations

from destinations.recorded_messages import CONNECTORS, ENGINE, HISTORY
from destinations.recorded_notation import NOTATION
from profiles import recorded
from tracsync.common import translation
from tracsync.common.messages import Message

MESSAGES = (*recorded.DOCUMENTS, *recorded.FILES, *ENGINE, *HISTORY, *CONNECTORS, *NOTATION)


def translated(text: str) -> str:
    """A stored reason, an error or a hint; what none of them has said is shown as it is."""
    return translation.translated(text) if isinstance(text, Message) else recorded.translated(text, MESSAGES)
