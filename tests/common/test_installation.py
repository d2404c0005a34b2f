"""Where data go and how commands are typed, in a checkout and in an installed wheel."""

import pytest

from tests.harness import ROOT
from tracsync.common import installation

OURS, THEIRS = "tracsync.settings", "shop.settings"


@pytest.mark.parametrize(
    ("is_wheel", "settings_module", "typed"),
    [
        (False, OURS, "python manage.py worker"),
        (True, OURS, "tracsync worker"),
        (True, THEIRS, "python manage.py worker"),
    ],
)
def test_a_command_as_it_is_typed(monkeypatch, settings, is_wheel, settings_module, typed):
    monkeypatch.setattr(installation, "IS_WHEEL", is_wheel)
    settings.SETTINGS_MODULE = settings_module
    assert installation.command("worker") == typed


def test_a_checkout_has_its_data_beside_the_code():
    assert installation.data_dir() == ROOT / "var"


def test_a_wheel_has_them_where_the_user_has_data(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "IS_WHEEL", True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert installation.data_dir() == tmp_path / "tracsync"
