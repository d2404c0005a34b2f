"""Index names and e-mail addresses of all profiles now."""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone

from profiles.search import job
from profiles.search.models import IndexJob
from tracsync.common import terminal, trail
from tracsync.common.jobs import progress
from tracsync.common.trail import Action

SAY_EVERY = 10_000  # profiles
ASK_EVERY = 0.1  # seconds


class Command(terminal.Command):
    help = (
        "Read name and e-mail address of all profiles anew, by TRACSYNC_NAME_PATHS and TRACSYNC_EMAIL_PATHS,"
        " so that they are shown and found. Goes on with what is under way: run it again whenever it was"
        " stopped. Workers begin the same by themselves where these variables have changed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        trail.note(Action.MAINTAINED)
        job.start()
        for paused in IndexJob.objects.filter(finished_at=None).exclude(paused_at=None):
            paused.resume()
        said = 0
        while one := IndexJob.objects.filter(finished_at=None, paused_at=None).first():
            if one.done - said >= SAY_EVERY:
                said = one.done
                self.stdout.write(progress(one).summary)
            if not job.advance(timezone.now()):  # a worker has just taken the batch
                time.sleep(ASK_EVERY)
        last = IndexJob.objects.order_by("-pk").first()
        if last is not None:
            self.stdout.write(progress(last).summary)
