"""A real Prometheus that scrapes what a test tells it to, and is asked over its own API."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.helpers.processes import ROOT
from worker.embedded.orphans import dying_with_parent
from worker.embedded.process import free_port

RULES = ROOT / "deploy" / "prometheus"

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="apt-get install prometheus"
)


def promtool(*arguments: str, stdin: str = "", cwd: Path = RULES) -> "subprocess.CompletedProcess[str]":
    """Run promtool and return what it said."""
    return subprocess.run(
        ["promtool", *arguments], input=stdin, cwd=cwd, capture_output=True, text=True, check=False, timeout=50
    )


class Prometheus:
    """One server with the rules of deploy/, scraping every second."""

    def __init__(self, directory: Path, targets: Sequence[str]) -> None:
        """Start it; `targets` are `host:port`."""
        self._port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "recording.yaml"), str(RULES / "alerts.yaml")],
            "scrape_configs": [{"job_name": "swarmline", "static_configs": [{"targets": list(targets)}]}],
        }
        path = directory / "prometheus.yaml"
        path.write_text(yaml.safe_dump(config))
        with (directory / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={path}",
                    f"--storage.tsdb.path={directory / 'tsdb'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=log,
                preexec_fn=dying_with_parent(),  # noqa: PLW1509 - see worker/embedded/orphans.py
            )

    def stop(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()

    def query(self, expression: str) -> dict[str, float]:
        """Return the value of each series, by its labels as text (`` for none); empty while the server comes up."""
        answer = self._get(f"/api/v1/query?query={quote(expression)}")
        results = answer["data"]["result"] if answer.get("status") == "success" else []
        return {_spelled(result["metric"]): float(result["value"][1]) for result in results}

    def value(self, expression: str) -> float | None:
        """Return the value of an expression without labels, None when there is none."""
        return self.query(expression).get("")

    def targets_up(self) -> int:
        """Return how many targets answered the last scrape."""
        return int(self.value("sum(up)") or 0)

    def firing(self) -> set[str]:
        """Return the names of alerts that fire or are about to."""
        answer = self._get("/api/v1/alerts")
        return {alert["labels"]["alertname"] for alert in answer.get("data", {}).get("alerts", [])}

    def _get(self, path: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else {}
        except OSError:
            return {}
        finally:
            connection.close()


def _spelled(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
