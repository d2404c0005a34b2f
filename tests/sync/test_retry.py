from datetime import timedelta

from destinations.sync import retry


def test_delays_double_from_seconds_to_an_hour():
    for attempts, longest in ((1, 3), (2, 6), (3, 12), (11, 3072), (12, 3600), (100, 3600)):
        waits = [retry.delay(attempts).total_seconds() for _ in range(200)]
        assert 0.75 * longest <= min(waits) <= max(waits) <= longest
        assert max(waits) - min(waits) > 0.1 * longest  # what failed together does not come back together


def test_it_gives_up_after_about_a_week():
    waits = [retry.LONGEST if n > 11 else retry.FIRST * 2 ** (n - 1) for n in range(1, retry.MOST_ATTEMPTS)]
    assert timedelta(days=6) < sum(waits, timedelta()) < timedelta(days=8)
    assert retry.delay(retry.MOST_ATTEMPTS) is None


def test_a_destination_rests_from_the_fifth_failure_on():
    rests = [retry.hold(failures) for failures in (0, 4, 5, 6, 7, 9, 10, 1000)]
    seconds = [rest and rest.total_seconds() for rest in rests]
    assert seconds == [None, None, 10, 20, 40, 160, 300, 300]


def test_retry_after_is_kept_within_reason():
    assert retry.retry_after(90.5) == timedelta(seconds=90.5)
    assert retry.retry_after(-5) == timedelta(0)
    assert retry.retry_after(1e300) == timedelta(hours=24)
