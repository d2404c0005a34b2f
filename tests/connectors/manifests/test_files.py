"""Files come from packages and from a folder; one that is wrong, gone or new changes no other."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from destinations.connectors import registry
from destinations.connectors.http.manifests import files, start
from destinations.connectors.registry import UnknownConnector


@pytest.fixture
def folder(manifests: Path) -> Path:
    return manifests


def write(folder: Path, slug: str, text: str | None = None) -> Path:
    path = folder / f"{slug}.json"
    temporary = folder / "new"
    temporary.write_text(start.text(slug) if text is None else text, encoding="utf-8")
    temporary.replace(path)
    return path


def test_a_file_in_the_folder_is_a_connector(folder: Path) -> None:
    assert registry.find("acme") is None
    write(folder, "acme")
    assert registry.get("acme").name == "Acme"
    assert registry.get("acme") is registry.get("acme")
    assert "acme" in registry.slugs()
    assert registry.origin("acme") == registry.Origin("folder", "acme.json", "0.1.0", is_file=True)


def test_a_changed_file_counts_without_a_restart_and_only_it_is_read_again(folder: Path) -> None:
    write(folder, "acme"), write(folder, "other")
    acme, other = registry.get("acme"), registry.get("other")
    write(folder, "acme", start.text("acme").replace('"0.1.0"', '"0.2.0"'))
    assert registry.origin("acme").release == "0.2.0"
    assert registry.get("acme") is not acme
    assert registry.get("other") is other


def test_a_broken_file_says_what_is_wrong_and_breaks_no_other(folder: Path) -> None:
    path = write(folder, "acme")
    write(folder, "other")
    assert registry.get("acme")
    path.write_text('{"slug": ', encoding="utf-8")
    with pytest.raises(UnknownConnector, match=r"acme cannot be used: acme.json, line 1: this is no JSON"):
        registry.get("acme")
    assert [problem for problem in registry.problems() if "acme" in problem]
    assert registry.get("other").slug == "other"
    write(folder, "acme")
    assert registry.get("acme").slug == "acme"
    assert not list(registry.problems())


def test_a_file_that_goes_takes_its_connector_along(folder: Path) -> None:
    path = write(folder, "acme")
    assert registry.get("acme")
    path.unlink()
    with pytest.raises(UnknownConnector, match="no usable connector 'acme'"):
        registry.get("acme")
    assert registry.origin("acme") is None


def test_a_folder_that_is_not_there_has_no_files(folder: Path) -> None:
    registry.use_folder(folder / "none")
    assert registry.find("acme") is None
    assert not list(registry.problems())


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_says_so(folder: Path) -> None:
    write(folder, "acme").chmod(0)
    with pytest.raises(UnknownConnector, match="cannot be read: Permission denied"):
        registry.get("acme")


def test_what_is_no_file_is_no_connector(folder: Path) -> None:
    (folder / "acme.json").symlink_to(folder / "nowhere")
    (folder / "other.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    assert registry.find("acme") is None
    for slug in ("other", "pipe"):
        with pytest.raises(UnknownConnector, match=r"cannot be read: it is no file"):
            registry.get(slug)


@pytest.mark.parametrize("slug", ["http_api", "customer_io"])
def test_a_slug_that_is_taken_cannot_be_taken_over(folder: Path, slug: str) -> None:
    before = registry.get(slug)
    write(folder, slug)
    assert registry.get(slug) is before
    assert list(registry.problems()) == [f"{slug}.json is left out: another connector has its slug"]


def test_the_folder_is_looked_at_once_a_second(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 1000.0)
    assert registry.find("acme") is None
    write(folder, "acme")
    assert registry.find("acme") is None
    registry.forget()
    assert registry.find("acme") is not None


@pytest.fixture
def package(tmp_path: Path, monkeypatch):
    """An installed package with manifests."""
    made = tmp_path / "acme_tracsync"
    made.mkdir()
    (made / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [
        EntryPoint("acme", "acme_tracsync", files.GROUP),
        EntryPoint("gone", "acme_tracsync_gone", files.GROUP),
    ]
    monkeypatch.setattr(files, "entry_points", lambda group: points)
    registry.forget()
    yield made
    monkeypatch.undo()
    sys.modules.pop("acme_tracsync", None)
    registry.forget()


def test_ours_are_read_when_they_are_needed(package: Path) -> None:
    assert len(list(registry.problems())) == 1
    assert registry.get("customer_io").slug == "customer_io"
    assert registry._read.cache_info().currsize == 2, "and what stands for the package that is gone"


def test_another_package_brings_its_own(package: Path) -> None:
    write(package, "acme")
    write(package, "broken", "{}")
    write(package, "customer_io")
    assert registry.get("acme").name == "Acme"
    assert registry.origin("acme") == registry.Origin("package", "acme_tracsync", "0.1.0", is_file=True)
    assert registry.origin("customer_io").kind == "tracsync"
    told = list(registry.problems())
    assert any("broken.json" in one and "manifest is required" in one for one in told)
    assert any("acme_tracsync_gone cannot be read: ModuleNotFoundError" in one for one in told)
    assert any("customer_io.json is left out" in one for one in told)
    assert len(told) == 3
