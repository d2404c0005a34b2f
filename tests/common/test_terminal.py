"""Nothing that servers, profiles or people say commands a terminal, neither by commands nor by logs."""

import io
import json
import logging
import logging.config
import pkgutil

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.core.management.color import color_style

from profiles.models import Profile
from tracsync.common import terminal

ESC, BEL, CSI, RIGHT_TO_LEFT, ISOLATE = "\x1b", "\x07", "\x9b", "\u202e", "\u2066"
HOSTILE = f"{ESC}]0;title{BEL}{ESC}[2J{CSI}31m{RIGHT_TO_LEFT}gnp.exe{ISOLATE}\b\r\x00\u2028\x7f"
OURS = ("tracsync", "destinations", "profiles")


def obeyed(text):
    return [char for char in text if terminal.clean(char) != char]


def test_what_a_terminal_obeys_is_written_out():
    assert terminal.clean(HOSTILE) == (
        "\\u001b]0;title\\u0007\\u001b[2J\\u009b31m\\u202egnp.exe\\u2066\\u0008\\u000d\\u0000\\u2028\\u007f"
    )


@pytest.mark.parametrize("text", ["", "plain", "two\n\tlines", "Zażółć שלום مرحبا 日本 😀 é\u0301"])
def test_other_text_stays(text):
    assert terminal.clean(text) == text


def test_json_that_is_printed_stays_the_same_json():
    text = json.dumps({"a": f"{CSI}{RIGHT_TO_LEFT}{ESC}"}, ensure_ascii=False)
    assert json.loads(terminal.clean(text)) == json.loads(text)


def own_commands():
    return sorted(name for name, app in get_commands().items() if app in OURS)


@pytest.mark.parametrize("name", own_commands())
def test_every_command_is_cleaned_on_both_outputs(name):
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, terminal.Command)
    assert isinstance(command.stdout, terminal.Output)
    assert isinstance(command.stderr, terminal.Output)


def test_all_commands_are_looked_at():
    packages = [__import__(f"{app}.management.commands", fromlist=["commands"]) for app in OURS]
    modules = {found.name for package in packages for found in pkgutil.iter_modules(package.__path__)}
    assert set(own_commands()) == modules


class Speaking(terminal.Command):
    def handle(self, *args, **options):
        self.stdout.write(HOSTILE)
        self.stderr.write(HOSTILE)
        return HOSTILE


def test_outputs_that_are_given_are_cleaned():
    out, err = io.StringIO(), io.StringIO()
    call_command(Speaking(), stdout=out, stderr=err)
    assert out.getvalue().count("title") == 2
    assert not obeyed(out.getvalue() + err.getvalue())


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_styles_keep_their_colours():
    out = Terminal()
    command = Speaking(stdout=out)
    command.stdout.write(HOSTILE, color_style(force_color=True).ERROR)
    assert out.getvalue().count(ESC) == 2
    assert out.getvalue().startswith(f"{ESC}[")


def test_an_error_that_ends_a_command_is_cleaned(capsys):
    class Failing(terminal.Command):
        def handle(self, *args, **options):
            raise CommandError(HOSTILE)

    with pytest.raises(SystemExit):
        Failing().run_from_argv(["tracsync", "failing"])
    said = capsys.readouterr().err
    assert "title" in said
    assert not obeyed(said)


@pytest.mark.django_db
def test_what_a_server_answers_to_a_command(recording, make_destination, capsys):
    """A connector's reason is what the server said."""
    destination = make_destination(name=f"crm {RIGHT_TO_LEFT}")
    Profile.objects.create(pk="p1", document={"id": "p1", "name": HOSTILE.replace("\x00", "")})
    call_command("check_destination", str(destination.pk), "--profile", "p1")
    with pytest.raises(CommandError) as caught:
        call_command("check_destination", HOSTILE)
    assert not obeyed(capsys.readouterr().out)
    assert caught.value


@pytest.mark.parametrize("kind", ["text", "json"])
def test_log_lines_are_cleaned(kind):
    said = io.StringIO()
    console = settings.LOGGING["handlers"]["console"] | {"formatter": kind}
    told = {"handlers": {"console": console}, "disable_existing_loggers": False}
    logging.config.dictConfig(settings.LOGGING | told)
    handler = logging.getLogger().handlers[-1]
    written, handler.stream = handler.stream, said
    try:
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logging.getLogger("tracsync").exception("said %s", HOSTILE)
    finally:
        handler.stream = written
        logging.config.dictConfig(settings.LOGGING | {"disable_existing_loggers": False})
    assert said.getvalue().count("title") == 2
    assert not obeyed(said.getvalue())
    if kind == "json":
        assert json.loads(said.getvalue())["message"] == f"said {HOSTILE}"
