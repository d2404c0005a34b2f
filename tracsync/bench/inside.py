"""Measuring in a scratch installation: the real database is not touched, and its kind is what is measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from tracsync.prove import scratch

from .report import Report


class CannotMeasureError(Exception):
    """What was to be measured did not happen as it must; the message is for the user."""


def in_scratch(subject: str, options: dict[str, Any], reachable: Sequence[str] = ()) -> Report:
    """What `tracsync.bench SUBJECT` measures there. Raises CannotMeasureError."""
    scratch.end_in_order()
    asked = json.dumps({"subject": subject, "options": options})
    try:
        with (
            scratch.environment((scratch.LOOPBACK, *reachable)) as (_, environment),
            scratch.process("tracsync.bench", asked, environment, stdout=subprocess.PIPE) as process,
        ):
            out, _ = process.communicate()
    except scratch.NoScratchError as error:
        raise CannotMeasureError(str(error)) from None
    answer = json.loads(out) if out else {}
    if "report" not in answer:
        raise CannotMeasureError(answer.get("error") or "the measurement has failed, see above")
    return Report.from_dict(answer["report"])
