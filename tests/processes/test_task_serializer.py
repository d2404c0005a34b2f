"""What goes through the broker: our own tasks and the states of clusters, as JSON."""

import pickle
import uuid

import pytest
from django.core.signing import BadSignature
from django.utils import timezone
from django_q import signing
from django_q.conf import Conf
from django_q.status import Stat

PUSH = "destinations.sync.push.push"


def task(**fields):
    made = {"id": uuid.uuid4().hex, "name": "push", "func": PUSH, "args": ("token", [1, 2]), "kwargs": {}}
    return {**made, "started": timezone.now(), **fields}


def test_a_task_comes_back_as_it_was():
    given = task()
    assert signing.SignedPackage.loads(signing.SignedPackage.dumps(given)) == {
        **given,
        "args": ["token", [1, 2]],
    }


def test_the_state_of_a_cluster_comes_back():
    state = Stat.__new__(Stat)
    state.__dict__.update(cluster_id=uuid.uuid4(), tob=timezone.now(), status=Conf.IDLE, broker=None)
    found = signing.SignedPackage.loads(signing.SignedPackage.dumps(state))
    assert (found.cluster_id, found.tob, found.status) == (state.cluster_id, state.tob, "Idle")


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


@pytest.mark.parametrize(
    "given",
    [
        task(func="os.system"),
        task(func="subprocess.run", args=(["true"],)),
        task(hook="os.abort"),
        task(chain=[("os.abort", (), {})]),
        {"func": PUSH.upper()},
    ],
)
def test_no_function_but_ours_is_called(given):
    package = signing.SignedPackage.dumps(given)
    with pytest.raises(BadSignature, match="not a task of ours"):
        signing.SignedPackage.loads(package)


def test_a_pickle_is_not_opened(monkeypatch):
    class AsBefore:
        dumps = staticmethod(pickle.dumps)

    with monkeypatch.context() as before:
        before.setattr(signing, "PickleSerializer", AsBefore)
        package = signing.SignedPackage.dumps({"func": PUSH, "args": Harmful()})
    with pytest.raises(BadSignature, match="not a task of ours"):
        signing.SignedPackage.loads(package)


def test_what_json_cannot_hold_is_an_error_where_it_is_sent():
    with pytest.raises(TypeError, match="cannot hold a Harmful"):
        signing.SignedPackage.dumps(task(args=(Harmful(),)))
