"""The recipes in deploy/: what can be tried of them without the machines that they are for."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from tests.harness import PATIENCE, ROOT, Installation, free_port, missing

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXPOSURE = 20  # tenths, as `systemd-analyze security` counts: 100 is a service that may do everything
KUBERNETES = [
    document
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(file.read_text())
]
COMPOSE = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text().replace("\\\n", " ")


def arguments_of_commands():
    """What follows `tracsync` in every recipe."""
    for unit in UNITS:
        yield from re.findall(r"^ExecStart=/opt/tracsync/bin/tracsync (.*)", unit.read_text(), re.MULTILINE)
    yield from re.findall(r"\btracsync (.*)", (DEPLOY / "Procfile").read_text())
    for service in COMPOSE["services"].values():
        if service["image"] == "tracsync" and "command" in service:
            yield shlex.join(service["command"])
    for container in containers():
        yield shlex.join(container["args"])
    [command] = re.findall(r"^CMD (\[.*\])", DOCKERFILE, re.MULTILINE)
    yield shlex.join(yaml.safe_load(command))


def containers():
    for document in KUBERNETES:
        pod = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from pod.get("containers", [])


@pytest.mark.parametrize("line", sorted(set(arguments_of_commands())))
def test_commands_and_their_options_exist(line):
    name, *arguments = shlex.split(line.replace("$PORT", "8000"))
    load_command_class(get_commands()[name], name).create_parser("tracsync", name).parse_args(arguments)


def test_settings_are_documented():
    documented = set(re.findall(r"`([A-Z_]{5,})`", (ROOT / "docs" / "configuration.md").read_text()))
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    used = {
        name for path in files for name in re.findall(r"\bTRACSYNC_[A-Z_]+|\b[A-Z]+_URL\b", path.read_text())
    }
    assert len(used) > 6
    assert used <= documented


@pytest.fixture
def units(tmp_path):
    """With what they name where it is on this machine."""
    environment = tmp_path / "tracsync.env"
    environment.touch()
    program = shutil.which("tracsync", path=Path(sys.executable).parent)
    for unit in UNITS:
        text = unit.read_text().replace("/opt/tracsync/bin/tracsync", program)
        text = text.replace("/etc/tracsync/tracsync.env", str(environment))
        (tmp_path / unit.name).write_text(text.replace("=tracsync\n", "=root\n"))  # there is no such user
    return [str(tmp_path / unit.name) for unit in UNITS]


def analyze(*arguments):
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze", FileNotFoundError())
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=PATIENCE)


def test_units_are_what_systemd_understands(units):
    done = analyze("verify", *units)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_may_do_little(unit):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(unit))
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_compose_is_what_its_specification_says(tmp_path):
    """By the schema that check-jsonschema brings: nothing is loaded from elsewhere."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

    def checked(file):
        return subprocess.run([*check, str(file)], capture_output=True, text=True, timeout=PATIENCE)

    done = checked(DEPLOY / "docker" / "compose.yaml")
    assert done.returncode == 0, done.stdout
    mistaken = tmp_path / "compose.yaml"
    mistaken.write_text((DEPLOY / "docker" / "compose.yaml").read_text().replace("read_only", "readonly"))
    assert checked(mistaken).returncode == 1


def test_services_of_compose_are_there_and_bounded():
    services = COMPOSE["services"]
    named = {volume.partition(":")[0] for one in services.values() for volume in one.get("volumes", [])}
    assert named == COMPOSE["volumes"].keys()
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            ends = services[needed].get("restart") == "on-failure"
            assert condition == ("service_completed_successfully" if ends else "service_healthy"), name
            assert ends or "test" in services[needed]["healthcheck"]
    for service in (services["web"], services["worker"], services["migrate"]):
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]  # the proxy alone


def test_objects_of_kubernetes_fit_together():
    by_kind = {}
    for document in KUBERNETES:
        by_kind.setdefault(document["kind"], []).append(document)
    pods = {}
    for document in by_kind["Deployment"]:
        template = document["spec"]["template"]
        assert document["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
        pods[template["metadata"]["labels"]["part"]] = template["spec"]
    for document in by_kind["Service"] + by_kind["PodDisruptionBudget"]:
        selector = document["spec"]["selector"]
        assert selector.get("matchLabels", selector) == {"app": "tracsync", "part": "web"}
    [service], [ingress] = by_kind["Service"], by_kind["Ingress"]
    [rule] = ingress["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == service["metadata"]["name"]
    [port] = pods["web"]["containers"][0]["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    for document in by_kind["Deployment"] + by_kind["Job"]:
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert [one["configMapRef"]["name"] for one in container["envFrom"][:1]] == ["tracsync"]


@pytest.mark.django_db
def test_probes_are_answered_as_they_ask(client, settings):
    """Without the name of the site, and without HTTPS."""
    [given] = [document["data"] for document in KUBERNETES if document["kind"] == "ConfigMap"]
    settings.ALLOWED_HOSTS = given["TRACSYNC_ALLOWED_HOSTS"].split(",")
    settings.SECURE_SSL_REDIRECT = True
    probes = [one[kind]["httpGet"] for one in containers() for kind in one if kind.endswith("Probe")]
    assert len(probes) == 2
    for probe in probes:
        [header] = probe["httpHeaders"]
        assert client.get(probe["path"], headers={header["name"]: header["value"]}).status_code == 200


def test_the_steps_of_the_image_make_what_serves(tmp_path):
    """Without a container engine: with its folders in one of ours, and with the packages of the tests."""
    source, target = tmp_path / "src", tmp_path / "opt"
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            path = ROOT / line[1:]
            copy = shutil.copytree if path.is_dir() else shutil.copy
            source.mkdir(exist_ok=True)
            copy(path, source / path.name)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {
        **os.environ,
        "PYTHONPATH": packages,  # stands for what pip would bring
        "PIP_NO_DEPS": "1",
        "PIP_IGNORE_INSTALLED": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which means: none
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    build, _, run = DOCKERFILE.rpartition("\nFROM ")
    steps = re.findall(r"^RUN (.*)", build, re.MULTILINE)
    assert len(steps) == 2
    for step in steps:
        step = step.replace("/opt/tracsync", str(target))
        done = subprocess.run(
            ["sh", "-euc", step],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    assert "\nUSER 10001\n" in run
    [command] = re.findall(r"^CMD (\[.*\])", run, re.MULTILINE)
    [check] = re.findall(r"HEALTHCHECK.* CMD (\[.*\])", run)
    assert "TRACSYNC_HTTPS=true" in run
    installation = Installation(tmp_path / "data", PYTHONPATH=packages, TRACSYNC_HTTPS="true")
    installation.port = free_port()
    adapted = [one.replace("8000", str(installation.port)) for one in yaml.safe_load(command)]
    served = subprocess.Popen(
        [str(target / "bin" / "tracsync"), *adapted], cwd=tmp_path, env=installation.environment
    )
    installation.processes.append(served)
    try:
        asked = [one.replace("8000", str(installation.port)) for one in yaml.safe_load(check)]
        while subprocess.run(asked, capture_output=True, timeout=PATIENCE).returncode:
            assert served.poll() is None
    finally:
        installation.stop()
