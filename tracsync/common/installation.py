"""What a checkout and an installed wheel differ in: where files lie, and how a command is typed; and whether
the database has what this release needs.
"""

from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
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


def missing_migrations() -> int:
    """How many of this release are not applied. Raises DatabaseError."""
    from django.db.migrations.executor import MigrationExecutor  # the settings import this module

    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def database_problem() -> str:
    """What a person has to do before anything works here, in a sentence; "" where that is nothing."""
    connection.close()  # one that a statement has failed on tells nothing more
    try:
        connection.ensure_connection()
    except DatabaseError as error:  # it knows no values yet
        return f"The database does not answer ({_where()}): {str(error).splitlines()[0]}"
    try:
        missing = missing_migrations()
    except DatabaseError:
        return ""
    if not missing:
        return ""
    return (
        f"The database lacks {missing} migrations of this release ({_where()}): run {command('migrate')}"
        " first, or set what names the database that is meant (TRACSYNC_DATA_DIR, DATABASE_URL)."
    )


def _where() -> str:
    """Without the password that an address may hold."""
    found = connection.settings_dict
    return f"{found['NAME']} at {found['HOST']}" if found["HOST"] else str(found["NAME"])
