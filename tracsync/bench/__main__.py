"""A subject in its scratch installation: `python -m tracsync.bench ASKED`, started by `in_scratch`.

Prints the report, or what is wrong, as JSON.
"""

import json
import os
import signal
import sys


def main(text: str) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tracsync.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from tracsync.bench import SUBJECTS
    from tracsync.bench.inside import CannotMeasureError

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = json.loads(text)
    call_command("migrate", verbosity=0, interactive=False)
    try:
        report = SUBJECTS[asked["subject"]].measure(
            asked["options"], lambda text: sys.stderr.write(f"measuring {text} ...\n")
        )
    except CannotMeasureError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return 1
    sys.stdout.write(json.dumps({"report": report.as_dict()}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
