"""django-q2's tasks as JSON, and only our own.

As it comes, django-q2 signs pickles: whoever can write to the broker and knows the key has any code run. What
is here names a function and its arguments, and is refused unless the function is one of ours.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature
from django.utils.functional import Promise
from django_q import signing
from django_q.status import Stat

TASKS: tuple[str, ...] = (
    "destinations.sync.push.push",
    "destinations.operations.audit_steps.step",
    "destinations.scheduler.qcluster_fallback.run",
)


def install() -> None:
    """For every process that makes tasks or takes them. django-q2 has no setting for it."""
    signing.PickleSerializer = TaskSerializer


class TaskSerializer:
    """What `django.core.signing` asks to write and read the content of a package."""

    @staticmethod
    def dumps(obj: Any) -> bytes:
        """A task, or the state of a cluster."""
        content = {"task": obj} if isinstance(obj, dict) else {"status": obj.__getstate__()}
        return json.dumps(content, default=_plain).encode()

    @staticmethod
    def loads(data: bytes) -> Any:
        """Raises BadSignature for what `dumps` has not made, such as tasks of earlier releases: whoever takes
        them from the broker leaves them alone then, and what they would have pushed is claimed again."""
        try:
            content = json.loads(data, object_hook=_restored)
            return _status(content["status"]) if "status" in content else _checked(content["task"])
        except (ValueError, LookupError, TypeError) as error:
            raise BadSignature(f"not a task of ours ({type(error).__name__})") from None


def _checked(task: dict[str, Any]) -> dict[str, Any]:
    if task["func"] not in TASKS or task.get("hook") or task.get("chain"):
        raise BadSignature("not a task of ours")
    return task


def _status(state: dict[str, Any]) -> Stat:
    status: Stat = Stat.__new__(Stat)
    status.__dict__.update(state)
    return status


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    if isinstance(value, Promise):  # as the states of a cluster are written
        return str(value)
    raise TypeError(f"a task cannot hold a {type(value).__name__}")


def _restored(value: dict[str, Any]) -> Any:
    if value.keys() == {"datetime"}:
        return datetime.fromisoformat(value["datetime"])
    if value.keys() == {"uuid"}:
        return UUID(value["uuid"])
    return value
