"""What commands say where the database is not there, or not as they need it."""

import pytest

from tests.harness import Installation, free_port

COMMANDS = (
    ("create_token", "shop"),
    ("config_export",),
    ("config_import", "--plan", "-"),  # it has words of its own for a database that fails
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one[0])
def test_a_new_or_wrong_data_folder_is_said(tmp_path, command):
    made = Installation(tmp_path)
    database = tmp_path / "tracsync.sqlite3"
    database.unlink()
    said = made.manage(*command, check=False, input="tracsync: 1\nresources: {}\n")
    assert said.returncode == 1
    assert f" migrations of this release ({database}): run python manage.py migrate first" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_server_that_does_not_answer_is_said_without_its_password(tmp_path):
    made = Installation(tmp_path)
    made.environment["DATABASE_URL"] = f"postgres://crm:s3cret@127.0.0.1:{free_port()}/crm"
    said = made.manage("create_token", "shop", check=False)
    assert said.returncode == 1
    assert "CommandError: The database does not answer (crm at 127.0.0.1): " in said.stderr
    assert ("s3cret" in said.stderr, "Traceback" in said.stderr) == (False, False)
