"""What an erasure asks of each destination, and what came of it.

A step is kept on the receipt as an object of `destination` (its number), `name`, `state` (see State),
`operation` ("erase" or "remove", "" where nothing was asked), `code` and `status` of the last answer, and
`at` (ISO 8601), when that was told.
"""

from __future__ import annotations

from typing import Any

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from destinations.connectors import earlier
from destinations.models import DeliveryAttempt, ProfileSync
from destinations.sync.decide import BY_HAND_CODE

Step = dict[str, Any]


class State(TextChoices):
    WAITING = "waiting", gettext_lazy("waiting")
    DONE = "done", gettext_lazy("done")
    ABSENT = "absent", gettext_lazy("not there")
    REFUSED = "refused", gettext_lazy("refused")
    BY_HAND = "by_hand", gettext_lazy("by hand")
    DONE_BY_HAND = "done_by_hand", gettext_lazy("done by hand")
    GONE = "gone", gettext_lazy("destination deleted")


DELETED_BEFORE = gettext_lazy(
    "The profile had been deleted before: destinations that keep deleted profiles may still hold it, and are"
    " not known here any more."
)
CAME_BACK = gettext_lazy(
    "The profile was made again before all destinations were done: it is here, and goes to destinations, as"
    " any other. End what sends it, then erase it again."
)
ENDED = (State.DONE, State.ABSENT, State.DONE_BY_HAND, State.GONE)


def begin(profile_id: str) -> list[Step]:
    """One for each destination that has to be told, or asked by a person."""
    rows = _rows(profile_id)
    return [_step(row, State.WAITING) for row in rows]


def follow(profile_id: str, steps: list[Step]) -> list[Step]:
    """The same steps as they are by now."""
    rows = {row.destination_id: row for row in _rows(profile_id)}
    return [one if one["state"] in ENDED else _now(one, rows.get(one["destination"])) for one in steps]


def is_ended(steps: list[Step]) -> bool:
    return all(one["state"] in ENDED for one in steps)


def ended_by_hand(steps: list[Step]) -> list[Step]:
    at = timezone.now().isoformat()
    return [one if one["state"] in ENDED else {**one, "state": State.DONE_BY_HAND, "at": at} for one in steps]


def what_to_do(step: Step, remote_id: str = "") -> str:
    """In words, for the person who has to see to it; "" where nothing is to be done."""
    of = _("the record %(id)s") % {"id": remote_id} if remote_id else _("the record of this profile")
    names = {"name": step["name"], "record": of, "code": step["code"] or step["status"] or "-"}
    if step["state"] == State.BY_HAND:
        return (
            _("%(name)s can neither erase nor remove: delete %(record)s there, then finish by hand.") % names
        )
    if step["state"] == State.REFUSED:
        told = _(
            "%(name)s has refused (%(code)s): put right what is wrong and send it again, or delete %(record)s"
            " there and finish by hand."
        )
        return told % names
    if step["state"] == State.GONE:
        return _("The destination %(name)s was deleted: delete what its system still holds there.") % names
    if step["state"] == State.WAITING:
        told = _(
            "Waiting for %(name)s. If it is off, paused or never answers: delete %(record)s there and finish"
            " by hand."
        )
        return told % names
    return ""


def remote_ids(profile_id: str) -> dict[int, str]:
    """What the destinations call the profile, each of its records, as long as they are not done."""
    rows = _rows(profile_id) if profile_id else []
    told = {row.destination_id: [row.remote_id, *earlier.ids_of(row.remote)] for row in rows}
    return {pk: ", ".join(filter(None, ids)) for pk, ids in told.items()}


def _rows(profile_id: str) -> list[ProfileSync]:
    rows = ProfileSync.objects.filter(profile=profile_id, erasing=True).select_related("destination")
    return list(rows.defer("destination__settings", "destination__mapping").order_by("destination__name"))


def _now(step: Step, row: ProfileSync | None) -> Step:
    if row is None:
        return {**step, "state": State.GONE, "at": timezone.now().isoformat()}
    return _step(row, _state(row))


def _state(row: ProfileSync) -> State:
    if row.claim_token is not None or row.due_at is not None:
        return State.WAITING
    if row.state == ProfileSync.State.REMOVED:
        return State.DONE
    if row.state == ProfileSync.State.REJECTED:
        return State.BY_HAND if row.code == BY_HAND_CODE else State.REFUSED
    return State.BY_HAND if row.may_be_there else State.ABSENT


def _step(row: ProfileSync, state: State) -> Step:
    tried = DeliveryAttempt.objects.filter(profile=row.profile_id, destination=row.destination_id)
    last = tried.exclude(operation="upsert").order_by("-pk").first()
    return {
        "destination": row.destination_id,
        "name": row.destination.name,
        "state": state,
        "operation": last.operation if last else "",
        "code": row.code,
        "status": last.status_code if last else None,
        "at": (last.at if last else row.state_since).isoformat(),
    }
