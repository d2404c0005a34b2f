"""What `up --demo` installs."""

import pytest

from destinations.models import Destination, Resource
from destinations.scheduler import loop
from profiles import samples
from profiles.models import Profile
from tracsync.demo import install

pytestmark = pytest.mark.django_db


def test_samples_are_the_same_each_time():
    assert samples.profiles() == samples.profiles()
    assert len({profile["id"] for profile in samples.profiles(500)}) == 500


def test_it_can_be_repeated_and_keeps_what_was_changed():
    install.install("http://127.0.0.1:8001/")
    Destination.objects.update(description="mine")
    profile = Profile.objects.get(pk="demo-01")
    profile.document = {**profile.document, "mine": True}
    profile.save()
    install.install("http://127.0.0.1:9001/")
    assert Profile.objects.count() == 20
    assert Profile.objects.get(pk="demo-01").document["mine"]
    assert Destination.objects.get().description == "mine"
    assert Resource.objects.get().production == {"url": "http://127.0.0.1:9001/"}


def test_the_profiles_with_a_business_address_are_pushed(frozen):
    install.install("http://127.0.0.1:1/")  # nobody listens there: what is tried is what counts here
    frozen.forward(install.QUIET_PERIOD)
    loop.tick()
    destination = Destination.objects.get()
    states = list(destination.syncs.values_list("state", flat=True))
    wanted = [p for p in samples.profiles() if "business" in p["data"]["contact"]["email"]]
    assert len(states) == 20
    assert states.count("skipped") == 20 - len(wanted)
