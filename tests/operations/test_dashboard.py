"""The dashboard asks for figures that exist, in expressions that Prometheus understands."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.processes import ROOT
from tests.operations.prometheus import needs_prometheus, promtool
from tests.operations.test_rules import NAME, RECORDED, shown

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "swarmline.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def expressions() -> Iterator[str]:
    for panel in PANELS:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$swarm", ".*")


def test_every_expression_is_about_figures_that_exist() -> None:
    recorded = {rule["record"] for rule in RECORDED}
    for expression in expressions():
        names = set(NAME.findall(expression)) | set(re.findall(r"swarmline:[\w:]+", expression))
        assert names, expression
        assert names <= shown() | recorded, expression


@needs_prometheus
def test_every_expression_is_well_formed(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions())]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_figure_is_on_some_panel_or_in_a_rule() -> None:
    asked = " ".join([*expressions(), *(rule["expr"] for rule in RECORDED)])
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown()} - {"swarmline_build_info"}
    unseen = {name for name in names if not re.search(rf"{name}(_bucket|_count|_sum)?\b", asked)}
    assert unseen <= {"swarmline_inflight"}, "slots in use are shown instead"


def test_panels_stand_beside_each_other_and_say_what_they_are() -> None:
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or panel["description"]
    for one, other in combinations(PANELS, 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"]
        assert apart or b["y"] + b["h"] <= a["y"], (one["title"], other["title"])
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_grafana_finds_the_dashboard_and_its_prometheus() -> None:
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "swarmline.yaml").read_text())
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yaml").read_text())
    assert provisioned["providers"][0]["options"]["path"] == "/etc/grafana/dashboards"
    assert sources["datasources"][0]["type"] == "prometheus"
