"""Our modules in processes of their own, whatever lies in the folder that we were started in."""

import subprocess
import sys

from tracsync.processes import launch


def output(name, *arguments, **options):
    process = launch.module(name, *arguments, stdout=subprocess.PIPE, text=True, **options)
    return process.communicate(timeout=60)[0].strip()


def test_it_imports_what_this_process_can(tmp_path, monkeypatch):
    (tmp_path / "embedding_project.py").write_text("import sys; print(sys.argv[1])")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert output("embedding_project", "here") == "here"


def test_files_of_the_current_folder_do_not_stand_in_for_modules(tmp_path, monkeypatch):
    (tmp_path / "profiles.py").write_text("print('of the folder')")
    (tmp_path / "embedding_project.py").write_text("import profiles; print(profiles.__file__)")
    monkeypatch.chdir(tmp_path)
    assert output("embedding_project").endswith("profiles/__init__.py")


def test_the_environment_is_what_it_is_given(tmp_path, monkeypatch):
    (tmp_path / "embedding_project.py").write_text("import os; print(os.environ['TRACSYNC_QUEUE'])")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACSYNC_QUEUE", "inherited")
    assert output("embedding_project") == "inherited"
    assert output("embedding_project", environment={"TRACSYNC_QUEUE": "given"}) == "given"
