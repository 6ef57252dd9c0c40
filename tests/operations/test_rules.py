"""Alerts fire when they should, about figures that exist, and each has its place in the runbook."""

import re

import pytest
import yaml

from tests.helpers.processes import ROOT
from tests.observe.scraping import text_of, used
from tests.operations.prometheus import RULES, needs_prometheus, promtool
from worker.observe.metrics import Metrics

NAME = re.compile(r"\bswarmline_\w+")
ALERTS = [rule for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
RECORDED = [
    rule for group in yaml.safe_load((RULES / "recording.yaml").read_text())["groups"] for rule in group["rules"]
]


def shown() -> set[str]:
    """Return the names of all series that a worker serves."""
    return set(re.findall(r"^(swarmline_\w+)", text_of(used(Metrics())), re.MULTILINE))


@needs_prometheus
def test_the_rules_are_well_formed() -> None:
    checked = promtool("check", "rules", "recording.yaml", "alerts.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    tested = promtool("test", "rules", "alerts_test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_prometheus
def test_what_a_worker_serves_pleases_promtool() -> None:
    checked = promtool("check", "metrics", stdin=text_of(used(Metrics())))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_each_alert_has_a_test_that_makes_it_fire() -> None:
    tests = yaml.safe_load((RULES / "alerts_test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDED], ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_is_about_figures_that_exist(rule: dict[str, str]) -> None:
    assert set(NAME.findall(rule["expr"])) <= shown()
    recorded = {one["record"] for one in RECORDED}
    assert set(re.findall(r"swarmline:[\w:]+", rule["expr"])) <= recorded


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_place_in_the_runbook(rule: dict[str, dict[str, str]]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (\w+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in [heading.lower() for heading in headings]
    assert rule["labels"]["severity"] in {"page", "ticket"}
