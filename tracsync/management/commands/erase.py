"""`erase`: a person, here and at the destinations."""

import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError

from destinations.management import finding
from destinations.scheduler import loop
from profiles.models import Profile
from tracsync.common import terminal
from tracsync.common.installation import command
from tracsync.models import Erasure
from tracsync.privacy import erasing, steps

BY = "command line"
LOOK_EVERY = 0.5  # seconds


class Command(terminal.Command):
    help = (
        "Erase a person: here, and at every destination that has the profile or may have it, whatever is"
        " set there for deleted ones. It cannot be undone. What is left is a receipt without anything"
        " of the person. Ends with 1 while destinations are not done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "profile", nargs="?", help="the profile's id, or an e-mail address that only it has"
        )
        parser.add_argument("--receipt", type=UUID, metavar="NUMBER", help="show how far this erasure is")
        parser.add_argument(
            "--finish", action="store_true", help="with --receipt: what is not done was done there by hand"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--wait", type=float, default=10.0, metavar="SECONDS", help="for the destinations (%(default)g)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["profile"] is None) == (options["receipt"] is None):
            raise CommandError("Name a profile, or a --receipt.")
        if options["finish"] and options["receipt"] is None:
            raise CommandError("--finish needs the number of a --receipt.")
        try:
            if options["receipt"]:
                erasure = self._receipt(options["receipt"], options["finish"])
            else:
                erasure = self._erase(options["profile"], options["yes"], options["wait"])
        except erasing.CannotErase as error:
            raise CommandError(f"Not erased: {error}.") from None
        self._show(erasure)
        if erasure.finished_at is None:
            raise CommandError(f"Not all are done: {command('erase')} --receipt {erasure.pk} looks again.")

    def _erase(self, text: str, is_sure: bool, seconds: float) -> Erasure:
        profile = Profile.with_deleted.filter(pk=text).first() or finding.profile(text)
        if not is_sure:
            question = f"Erase {profile.pk} here and at all destinations? It cannot be undone. [y/N] "
            if input(terminal.clean(question)).strip().lower() not in ("y", "yes"):
                raise CommandError("Nothing was erased.")
        erasure = erasing.request(profile.pk, BY)
        if erasure.finished_at is None and not loop.is_alive():
            self.stdout.write(
                f"No worker is running: destinations are told when one is ({command('worker')})."
            )
            return erasure
        until = time.monotonic() + seconds
        while _waits(erasure) and time.monotonic() < until:
            time.sleep(LOOK_EVERY)
            erasure = erasing.look(erasure)
        return erasure

    def _receipt(self, number: UUID, is_finished: bool) -> Erasure:
        erasure = Erasure.objects.filter(pk=number).first()
        if erasure is None:
            raise CommandError(f"There is no receipt {number}.")
        return erasing.finish(erasure, BY) if is_finished else erasing.look(erasure)

    def _show(self, erasure: Erasure) -> None:
        self.stdout.write(f"Receipt {erasure.pk}, asked for by {erasure.asked_by} at {erasure.asked_at:%c}.")
        remote_ids = steps.remote_ids(erasure.profile_id)
        for step in erasure.steps:
            answer = " ".join(str(step[name]) for name in ("operation", "code", "status") if step[name])
            told = f"{step['name']}: {steps.State(step['state']).label} {answer}".strip()
            to_do = steps.what_to_do(step, remote_ids.get(step["destination"], ""))
            self.stdout.write(f"  {told}{f'. {to_do}' if to_do else ''}")
        if erasure.was_deleted:
            self.stdout.write(f"  {steps.DELETED_BEFORE}")
        if erasure.came_back:
            self.stdout.write(f"  {steps.CAME_BACK}")
        elif erasure.finished_at is not None:
            self.stdout.write("Nothing of the person is left here.")


def _waits(erasure: Erasure) -> bool:
    return erasure.finished_at is None and any(step["state"] == steps.State.WAITING for step in erasure.steps)
