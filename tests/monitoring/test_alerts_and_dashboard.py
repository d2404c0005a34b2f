"""The alert rules and the dashboard that come with tracsync ask for figures that there are, and fire."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from destinations.sync import counters
from tests.harness import PATIENCE, ROOT, missing

MONITORING = ROOT / "deploy" / "monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
EXPRESSIONS = [
    *(rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
    *(one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"),
]
LABEL = re.compile(r"(\w+)\s*(?:=~|!=|=)\s*\"")


@pytest.fixture
def samples(api, make_destination):
    """The labels of every figure, by its name."""
    counters._add({make_destination("crm").pk: {"accepted": 1, "lag_0": 1}})
    page = api.get("/metrics", accept="text/plain;version=0.0.4").content.decode()
    families = text_string_to_metric_families(page)
    return {one.name: set(one.labels) for family in families for one in family.samples}


@pytest.mark.django_db
def test_what_they_ask_for_exists(samples):
    samples["up"] = {"job"}
    for expression in EXPRESSIONS:
        asked = re.findall(r"\b(tracsync_\w+|up)\b(?:\{([^}]*)\})?", expression)
        assert asked, expression
        for name, selector in asked:
            assert name in samples, expression
            assert set(LABEL.findall(selector)) <= samples[name], expression
        grouped = {
            word.strip()
            for by in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
            for word in by.split(",")
        }
        assert grouped <= set().union(*(samples[name] for name, _ in asked)), expression


def promtool(*arguments):
    if shutil.which("promtool") is None:
        missing("promtool", FileNotFoundError())
    done = subprocess.run(
        ["promtool", *arguments], cwd=MONITORING, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_where_it_has_to():
    promtool("test", "rules", "alerts_test.yaml")
    tested = yaml.safe_load((MONITORING / "alerts_test.yaml").read_text())["tests"]
    fired = {one["alertname"] for test in tested for one in test["alert_rule_test"] if "exp_alerts" in one}
    assert fired == {rule["alert"] for group in ALERTS["groups"] for rule in group["rules"]}


def test_expressions_of_the_dashboard_are_understood(tmp_path):
    """As rules, with a span in the place of Grafana's variable."""
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(EXPRESSIONS)
        if not expression.startswith("label_values")
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_panels_do_not_cover_each_other():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
