"""Rows that people set up are watched: whoever stores or deletes one, by whatever way, leaves an entry.

Only while somebody acts. What is watched is what people decide; what the engine notes in the same rows is
none of it, so that its own writes leave nothing, and cost nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.db.models.fields.related import ManyToManyField
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from tracsync.common.encryption import EncryptedJSONField, UndecryptableValue, get_readable
from tracsync.common.trail import recording
from tracsync.common.trail.acting import current
from tracsync.common.trail.differences import Changes, Content, Hidden, between

BEFORE = "_tracsync_trail_before"
CREATED, CHANGED, DELETED = "created", "changed", "deleted"


def _as_it_is(_row: Any, done: str, _changes: Changes) -> str:
    return done


@dataclass(frozen=True, slots=True)
class Watched:
    """`content(row)`: what people decide of it, secrets as `Hidden`. `action(row, done, changes)`: what an
    entry calls it; "" for none. `many`: which many-to-many fields are noted, and as what."""

    content: Callable[[Any], Content]
    action: Callable[[Any, str, Changes], str] = _as_it_is
    many: Mapping[str, str] | None = None


_watched: dict[type[Model], Watched] = {}


def watch(model: type[Model], watched: Watched) -> None:
    _watched[model] = watched
    key = f"tracsync.trail.{model._meta.label_lower}"
    for signal, handler in (
        (pre_save, _before),
        (post_save, _saved),
        (pre_delete, _before),
        (post_delete, _deleted),
    ):
        signal.connect(handler, sender=model, dispatch_uid=key)
    for name in watched.many or ():
        field: Any = model._meta.get_field(name)
        through = field.remote_field.through
        m2m_changed.connect(_related, sender=through, dispatch_uid=f"{key}.{name}")


def is_watched(model: type[Model]) -> bool:
    return model in _watched


def fields_of(row: Model, *, without: Collection[str] = (), hidden: Collection[str] = ()) -> dict[str, Any]:
    """All columns of a row but some; what is encrypted is hidden, too, each of its parts for itself."""
    found: dict[str, Any] = {}
    for field in row._meta.concrete_fields:
        if field.primary_key or field.name in without:
            continue
        if isinstance(field, EncryptedJSONField):
            found[field.name] = _opened(row, field)
            continue
        value = getattr(row, field.attname)
        if field.name in hidden:
            value = Hidden(value)
        found[field.name] = value
    return found


def _opened(row: Model, field: EncryptedJSONField) -> Any:
    """What no key opens counts as empty, as where it is read beforehand."""
    try:
        return _hidden(getattr(row, field.attname))
    except UndecryptableValue:
        return _hidden(field.get_default())


def _hidden(value: Any) -> Any:
    return {name: _hidden(one) for name, one in value.items()} if isinstance(value, dict) else Hidden(value)


def _before(sender: type[Model], instance: Model, raw: bool = False, **_: Any) -> None:
    if raw or current() is None:
        return
    content: Content = {}
    if instance.pk is not None:
        try:
            row, _unreadable = get_readable(sender._base_manager.all(), pk=instance.pk)
            content = _watched[sender].content(row)
        except sender.DoesNotExist:  # type: ignore[attr-defined]
            pass
    setattr(instance, BEFORE, content)


def _saved(sender: type[Model], instance: Model, created: bool, raw: bool = False, **_: Any) -> None:
    if raw or current() is None:
        return
    before = instance.__dict__.pop(BEFORE, {})
    changes = between(before, _watched[sender].content(instance))
    if created or changes:
        _note(sender, instance, CREATED if created else CHANGED, changes)


def _deleted(sender: type[Model], instance: Model, **_: Any) -> None:
    if current() is not None:
        _note(sender, instance, DELETED, between(instance.__dict__.pop(BEFORE, {}), {}))


def _note(model: type[Model], row: Model, done: str, changes: Changes) -> None:
    if action := _watched[model].action(row, done, changes):
        recording.note(action, row, changes=changes)


def _related(
    sender: Any, instance: Any, action: str, reverse: bool, model: type[Model], pk_set: Any, **_: Any
) -> None:
    """Which others it has, by their names. From either side it is the entry of the side that is watched."""
    if current() is None or action not in ("pre_clear", "post_add", "post_remove"):
        return
    if reverse:
        owners = [model._default_manager.filter(pk__in=pk_set)] if pk_set else []
        rows, others = [row for found in owners for row in found], [instance]
    else:
        rows = [instance]
        others = [] if action == "pre_clear" else list(model._default_manager.filter(pk__in=pk_set or ()))
    for row in rows:
        name = _name_of(type(row), sender)
        if name is None:
            continue
        had = list(getattr(row, name).all()) if action == "pre_clear" else others
        if had:
            told = ", ".join(sorted(map(str, had)))
            changes: Changes = {name: [None, told] if action == "post_add" else [told, None]}
            recording.note((_watched[type(row)].many or {})[name], row, changes=changes)


def _name_of(model: type[Model], through: Any) -> str | None:
    for name in (_watched[model].many or ()) if model in _watched else ():
        field: Any = model._meta.get_field(name)
        if isinstance(field, ManyToManyField) and field.remote_field.through is through:
            return name
    return None
