"""Listening where other machines can reach it: with HTTPS, or because somebody says so."""

import pytest
from django.core.management import CommandError, call_command

from tracsync.processes import exposure


@pytest.mark.parametrize("command", ["up", "web"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "tracsync.example.org"])
def test_an_address_that_others_reach_is_refused_without_https(command, host):
    with pytest.raises(CommandError, match=r"TRACSYNC_HTTPS=true.*--without-https"):
        call_command(command, "--host", host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_is_no_matter(host):
    assert exposure.warning(host, without_https=False) == ""


def test_whoever_wants_it_is_warned(settings):
    assert "nothing is encrypted" in exposure.warning("0.0.0.0", without_https=True)
    settings.HTTPS = True
    assert exposure.warning("0.0.0.0", without_https=False) == ""
