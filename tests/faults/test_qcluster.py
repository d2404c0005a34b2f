"""A plain `qcluster`, without our scheduler, still delivers."""

from tests.harness import Installation, Receiver, wait_for


def test_it_delivers_by_its_schedule(tmp_path):
    receiver = Receiver()
    installation = Installation(tmp_path)
    try:
        installation.add_destination(receiver, quiet_period=0.5)
        installation.save_profiles([{"id": "p1", "stats": {"visits": 1}}])
        installation.start("manage.py", "qcluster")
        wait_for(lambda: receiver.arrivals, "a push by way of the schedule")
        assert receiver.last() == {"p1": {"id": "p1", "visits": 1}}
    finally:
        installation.stop()
        receiver.close()
