"""What the engine, the connectors and the notation say, in the language of whoever reads it."""

from __future__ import annotations

from destinations.recorded_messages import HISTORY
from profiles import recorded
from tracsync.common import translation
from tracsync.common.messages import Message

MESSAGES = (*recorded.DOCUMENTS, *recorded.FILES, *HISTORY)


def translated(text: str) -> str:
    """A stored reason, an error or a hint; what none of them has said is shown as it is."""
    said = text if isinstance(text, Message) else recorded.translated(text, MESSAGES)
    return translation.translated(text) if said == text else said
