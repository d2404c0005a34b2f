"""A worker that takes the tasks of the naive peer, too: `python -m tracsync.bench.naive_worker`."""

import sys

from django.core.management import execute_from_command_line


def main() -> None:
    from tracsync.processes import task_serializer

    task_serializer.TASKS += ("tracsync.bench.delivery.naive.deliver",)
    execute_from_command_line([sys.argv[0], "worker"])


if __name__ == "__main__":
    main()
