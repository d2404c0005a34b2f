"""A run in its scratch installation: `python -m tracsync.prove PLAN`, started by the command."""

import gc
import os
import signal
import sys


def main(text: str) -> int:
    """The exit code: 0 only if it is proven that nothing was lost and nothing stale was sent."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    gc.disable()  # until everything is imported: tracsync/apps.py
    import django

    django.setup()
    from tracsync.prove import printing, run
    from tracsync.prove.plan import Plan

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = Plan.loads(text)
    try:
        result = run.run(plan)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if plan.json:
        sys.stdout.write(printing.as_json(result) + "\n")
    else:
        printing.as_table(result)
    return 0 if result.proven else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
