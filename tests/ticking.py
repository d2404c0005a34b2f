"""The scheduler by hand, for tests without a worker."""

from destinations.scheduler import loop


def run_all(most: int = 200) -> None:
    """Tick until there is nothing left to do at the time that it is."""
    for _ in range(most):
        if not loop.tick():
            return
    raise AssertionError("the scheduler never came to rest")
