"""What a checkout and an installed wheel differ in: where files lie, and how a command is typed."""

from pathlib import Path

from django.conf import settings
from platformdirs import user_data_path

PACKAGE = Path(__file__).resolve().parents[1]
# Only a wheel has them in the package: pyproject.toml puts templates/ and docs/ there.
IS_WHEEL = (PACKAGE / "docs").is_dir()
BASE_DIR: Path = PACKAGE if IS_WHEEL else PACKAGE.parent


def data_dir() -> Path:
    """Where data go by default; never into an installed package."""
    return user_data_path("tracsync", appauthor=False) if IS_WHEEL else BASE_DIR / "var"


def command(line: str) -> str:
    """A command as it is typed here. A project with settings of its own has a manage.py of its own."""
    is_ours = IS_WHEEL and settings.SETTINGS_MODULE == "tracsync.settings"
    return f"tracsync {line}" if is_ours else f"python manage.py {line}"
