"""Measurements that `manage.py bench` runs and prints; docs/benchmarks.md says what they mean.

Each module has `add_arguments(parser)`, `run(options, progress) -> Report` and a `HELP`; the command finds
them in `SUBJECTS`.
"""

from . import changes, connectors, delivery, notation, scale

SUBJECTS = {
    "notation": notation,
    "connectors": connectors,
    "delivery": delivery,
    "changes": changes,
    "scale": scale,
}
