"""What the trail tells of what is set up: all that people decide, secrets only as whether they are others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.configuration import history
from destinations.connectors.redaction import MASK
from destinations.models import Destination, Extension, Resource
from tracsync.common.trail import Action, Hidden, Watched, watch
from tracsync.common.trail.differences import Changes
from tracsync.common.trail.watching import CHANGED


def connect() -> None:
    watch(Destination, Watched(of_destination, _of_switches))
    watch(Resource, Watched(of_resource, _of_switches))
    watch(Extension, Watched(lambda one: {"installed": one.installed}, _of_extension))


def of_destination(destination: Destination) -> dict[str, Any]:
    content, real = history.content_of(destination), destination.settings or {}
    del content["resource_name"]
    return {**content, "settings": _hide(content["settings"], real)}


def of_resource(resource: Resource) -> dict[str, Any]:
    plain = {name: getattr(resource, name) for name in history.OF_RESOURCES}
    sets = {name: history.masked_credentials(resource, name) for name in history.SETS}
    credentials = {name: _hide(shown, getattr(resource, name) or {}) for name, shown in sets.items()}
    return {"type": resource.type_id, **plain, **credentials}


def _hide(shown: Any, real: Any) -> Any:
    """As it may be shown; a text that is masked differs where what it stands for does."""
    if shown == real:
        return shown
    if isinstance(shown, Mapping) and isinstance(real, Mapping):
        return {name: _hide(one, real.get(name)) for name, one in shown.items()}
    return Hidden(real) if shown == MASK else Hidden(real, shown)


def _of_switches(_row: Any, done: str, changes: Changes) -> str:
    """Where only a switch was turned, which way."""
    if done != CHANGED or len(changes) != 1:
        return done
    [(name, (_before, after))] = changes.items()
    words = {"paused": (Action.RESUMED, Action.PAUSED), "enabled": (Action.DISABLED, Action.ENABLED)}
    return words[name][bool(after)] if name in words else done


def _of_extension(extension: Any, done: str, _changes: Changes) -> str:
    """The catalogue makes its rows by itself."""
    if done != CHANGED:
        return ""
    return Action.INSTALLED if extension.installed else Action.UNINSTALLED
