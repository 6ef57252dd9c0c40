"""The manifests are valid, and say of Swarmline what is true."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from schemas.keyspace import ADMISSION_GROUP, DEFAULT_NAMESPACE, ShardKeys
from tests.helpers.processes import ROOT
from tests.observe.scraping import registry_of
from tests.operations.prometheus import RULES
from tests.operations.test_rules import NAME, shown
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.observe.server import Pages
from worker.settings import Settings

HERE = ROOT / "deploy" / "kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"
#: the oldest and the newest that is tried
VERSIONS = ("1.30", "1.34")

Manifest = dict[str, Any]


def manifests() -> Iterator[Manifest]:
    for path in sorted(HERE.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text())


ALL = list(manifests())


def one(kind: str, name: str) -> Manifest:
    (found,) = [doc for doc in ALL if (doc["kind"], doc["metadata"]["name"]) == (kind, name)]
    return found


def check(doc: Manifest) -> None:
    """Raise what is wrong with a manifest."""
    schema = SCHEMAS / f"{doc['kind']}.json"
    if schema.exists():
        jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(doc)
        return
    for version in VERSIONS:
        kubernetes_validate.validate(doc, version, strict=True)


@pytest.mark.parametrize("doc", ALL, ids=lambda doc: f"{doc['kind']}-{doc['metadata']['name']}")
def test_a_manifest_is_valid(doc: Manifest) -> None:
    check(doc)


def test_a_fault_in_a_manifest_is_found() -> None:
    deployment = json.loads(json.dumps(one("Deployment", "swarmline-worker")))
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 35
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment)
    scaled = json.loads(json.dumps(one("ScaledObject", "swarmline-worker")))
    scaled["spec"]["triggers"][0]["metadata"]["lag"] = "5"
    with pytest.raises(jsonschema.ValidationError):
        check(scaled)


@pytest.mark.parametrize("path", sorted(HERE.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_a_kustomization_names_files_that_exist(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text())
    named = [*kustomization.get("resources", []), *kustomization.get("components", [])]
    assert named
    assert all((path.parent / name).exists() for name in named)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl renders it")
def test_the_overlay_renders_to_valid_manifests() -> None:
    command = ["kubectl", "kustomize", str(HERE / "overlays" / "production")]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50).stdout
    docs: list[Manifest] = list(yaml.safe_load_all(rendered))
    for doc in docs:
        check(doc)
    (worker,) = [doc for doc in docs if (doc["kind"], doc["metadata"]["name"]) == ("Deployment", "swarmline-worker")]
    assert "replicas" not in worker["spec"], "KEDA decides"
    assert worker["spec"]["template"]["spec"]["containers"][0]["args"] == ["worker", "--app", "shop:app"]
    assert len(docs) == len(ALL)


@pytest.mark.parametrize("name", ["swarmline-worker", "swarmline-exporter"])
def test_probes_ask_for_pages_that_there_are(name: str) -> None:
    pages = Pages(Health(), registry_of(Metrics()), {})
    (container,) = one("Deployment", name)["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    probes = [container[probe] for probe in ("startupProbe", "livenessProbe", "readinessProbe") if probe in container]
    for probe in probes:
        assert pages.page(probe["httpGet"]["path"])[0] != 404
        assert ports[probe["httpGet"]["port"]] == Settings.model_fields["metrics_port"].default


def test_a_worker_gets_the_time_that_it_may_take_to_drain() -> None:
    settings = Settings.model_fields
    needed_s = settings["shutdown_grace_s"].default + settings["hard_stop_s"].default
    spec = one("Deployment", "swarmline-worker")["spec"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= needed_s + 5
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_what_keda_looks_at_is_what_wakes_and_keeps_workers() -> None:
    lag, figures = one("ScaledObject", "swarmline-worker")["spec"]["triggers"]
    assert lag["metadata"]["stream"] == ShardKeys(DEFAULT_NAMESPACE, 0).requests
    assert lag["metadata"]["consumerGroup"] == ADMISSION_GROUP
    assert lag["metadata"]["activationLagCount"] == figures["metadata"]["activationThreshold"] == "0"
    assert set(NAME.findall(figures["metadata"]["query"])) <= shown()


def test_the_rules_for_the_operator_are_those_for_prometheus() -> None:
    files = (RULES / "recording.yaml", RULES / "alerts.yaml")
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    assert one("PrometheusRule", "swarmline")["spec"]["groups"] == groups


def test_services_and_policies_select_pods_that_there_are() -> None:
    pods = [doc["spec"]["template"]["metadata"]["labels"] for doc in ALL if doc["kind"] == "Deployment"]
    names = {labels["app.kubernetes.io/name"] for labels in pods}
    for doc in ALL:
        if doc["kind"] == "Service":
            assert doc["spec"]["selector"]["app.kubernetes.io/name"] in names
    (rule,) = one("NetworkPolicy", "swarmline")["spec"]["podSelector"]["matchExpressions"]
    assert set(rule["values"]) == names
