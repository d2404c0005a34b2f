"""Settings from the file in the data folder: what the environment has counts more, and no line is told."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tracsync.environment import Environment


@pytest.fixture
def read(tmp_path, monkeypatch):
    def read(content):
        found = {"SET": "in the environment"}
        monkeypatch.setattr(Environment, "ENVIRON", found)
        file = tmp_path / "tracsync.env"
        file.write_bytes(content)
        Environment().read_file(file)
        return found

    return read


def test_what_the_environment_lacks_is_taken_from_the_file(read):
    found = read(b"# ours\n\nNEW=10.0.0.0/8,crm.lan\nSET=in the file\nexport QUOTED='a b'\n")
    assert found == {"SET": "in the environment", "NEW": "10.0.0.0/8,crm.lan", "QUOTED": "a b"}


def test_a_file_that_is_not_there_is_none(tmp_path):
    Environment().read_file(tmp_path / "tracsync.env")


@pytest.mark.parametrize("content", [b"GOOD=1\nPLANTED", b"PLANTED: x", b"PLANTED=\xff"])
def test_what_cannot_be_read_is_refused_without_its_text(read, content):
    with pytest.raises(ImproperlyConfigured, match=r"tracsync\.env") as told:
        read(content)
    assert "PLANTED" not in str(told.value)


@pytest.fixture
def given(monkeypatch, tmp_path):
    """given(content, **variables): an environment in which NAME_FILE names a file with the content."""

    def given(content, **variables):
        path = tmp_path / "secret"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(Environment, "ENVIRON", {"NAME_FILE": str(path), **variables})
        return Environment()

    return given


def test_a_setting_may_come_from_a_file(given, tmp_path):
    env = given(b"s3cret$text \n\n")
    assert env.str("NAME", default="") == "s3cret$text"
    assert env.files == {"NAME_FILE": tmp_path / "secret"}
    assert given(b"a,b\nc\n").list("NAME", default=[]) == ["a", "b", "c"]
    assert given(b"7\n").int("NAME", default=1) == 7
    assert given(b"true\n").bool("NAME", default=False) is True
    assert given(b"redis://x\n", NAME="").str("NAME", default="") == "redis://x"
    assert given(b"postgres://u:p@h/n\n").database("NAME", default="")["PASSWORD"] == "p"
    assert given(b"smtp+tls://u:p@h:587\n").email("NAME")["HOST_PASSWORD"] == "p"
    assert given(b"x", NAME_FILE="", NAME="y").str("NAME", default="") == "y"


@pytest.mark.parametrize(
    ("content", "variables", "told"),
    [
        (b"PLANTED", {"NAME": "x"}, "NAME and NAME_FILE are both set: leave one of them"),
        (None, {}, r"secret, which NAME_FILE names, cannot be read \(No such file or directory\)"),
        (b" \n", {}, "secret, which NAME_FILE names, is empty"),
        (b"PLANTED\xff", {}, "secret, which NAME_FILE names, is no text"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_without_its_content(given, content, variables, told):
    env = given(content, **variables)
    with pytest.raises(ImproperlyConfigured, match=told) as error:
        env.str("NAME", default="")
    assert "PLANTED" not in str(error.value)
    with pytest.raises(ImproperlyConfigured, match=r"the value of NAME in .*secret cannot be read") as error:
        given(b"PLANTED").int("NAME", default=1)
    assert "PLANTED" not in str(error.value)
