"""deploy/fleet: the chart renders and is what Kubernetes takes; dashboards and alerts ask for metrics that there are."""

import json
import pathlib
import re
import subprocess
import sys
import urllib.request

import kubernetes_validate
import pytest
import yaml

import harness

FLEET = harness.ROOT / "deploy/fleet"
HELM = pathlib.Path(sys.executable).with_name("helm")


def template(*values):
    command = [HELM, "template", "speech", FLEET / "chart", *(word for value in values for word in ("--set", value))]
    return subprocess.run(command, capture_output=True, text=True)


def render(*values):
    """-> {kind: [resource]}"""
    done = template(*values)
    assert done.returncode == 0, done.stderr
    found = {}
    for resource in filter(None, yaml.safe_load_all(done.stdout)):
        found.setdefault(resource["kind"], []).append(resource)
    return found


@pytest.mark.parametrize("values", [[], ["keys.secret=speech-keys", "autoscaling.kind=hpa", "settings.max-live=400"],
                                    ["autoscaling.kind=keda", "monitoring.serviceMonitor=true", "monitoring.rules=true"]])
def test_the_chart_is_what_kubernetes_takes(values):
    own = {"ScaledObject", "ServiceMonitor", "PrometheusRule"}  # of operators: Kubernetes has no schema of theirs
    for kind, resources in render(*values).items():
        for resource in resources:
            if kind not in own:
                kubernetes_validate.validate(resource, "1.30", strict=True)


def test_settings_of_the_chart_are_settings_of_the_daemon():
    deployment = render("keys.secret=speech-keys", "settings.max-live=400")["Deployment"][0]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    known = {"FOLDSCRIBE_" + name.upper().replace("-", "_")
             for name in re.findall(r"^\| `([a-z-]+)`", (harness.ROOT / "deploy/OPTIONS.md").read_text(), re.M)}
    said = {row["name"]: row["value"] for row in container["env"]}
    assert {name for name in said if name.startswith("FOLDSCRIBE_")} <= known
    assert said["FOLDSCRIBE_MAX_LIVE"] == "400" and "FOLDSCRIBE_OPEN" not in said
    compose = yaml.safe_load((FLEET / "compose.yaml").read_text())
    assert {name for name in compose["x-daemon"]["environment"] if name.startswith("FOLDSCRIBE_")} <= known


def test_a_pod_is_killed_only_after_its_drain():
    pod = render("drain.graceMs=2500", "drain.seconds=100")["Deployment"][0]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 3 + 100 + 15


@pytest.mark.parametrize("value, problem", [
    ("autoscaling.occupancy=2", "autoscaling.occupancy"), ("autoscaling.kind=cpu", "autoscaling.kind"),
    ("replicas=0", "replicas"), ("drain.seconds=-1", "drain.seconds"), ("settings.listen=x", "settings"),
    ("spool=lots", "spool"), ("colour=red", "colour"), ("autoscaling.max=1", "autoscaling.max is 1, below")])
def test_a_value_out_of_range_is_named(value, problem):
    done = template(value)
    assert done.returncode != 0 and problem in done.stderr, done.stderr


def test_every_file_is_what_its_name_says():
    for file in [*FLEET.glob("*.y*ml"), *FLEET.glob("grafana/*.yaml"), FLEET / "chart/alerts.yaml"]:
        assert yaml.safe_load(file.read_text()), file
    listed = set(re.findall(r"\]\(([\w./]+)\)", (FLEET / "README.md").read_text()))
    missing = {f.name for f in FLEET.iterdir()} - {name.rstrip("/").split("/")[-1] for name in listed} - {"README.md"}
    assert not missing, "the page says what each file is"
    assert all((FLEET / name).exists() for name in listed)


def expressions():
    board = json.loads((FLEET / "grafana/foldscribe.json").read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    rules = yaml.safe_load((FLEET / "chart/alerts.yaml").read_text())
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    yield render("autoscaling.kind=keda")["ScaledObject"][0]["spec"]["triggers"][0]["metadata"]["query"]
    hpa = render("autoscaling.kind=hpa")["HorizontalPodAutoscaler"][0]
    yield hpa["spec"]["metrics"][0]["pods"]["metric"]["name"]


def test_dashboards_alerts_and_autoscalers_ask_for_metrics_that_there_are(daemon):
    with urllib.request.urlopen(daemon.url + "/metrics") as answer:
        known = set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.M))
    asked = {re.sub(r"_bucket$", "", name) for expression in expressions()
             for name in re.findall(r"\b(?:foldscribe|process|engine)_[a-z_]+\b", expression)}
    assert len(asked) > 15 and asked <= known, asked - known
    assert {"engine_active_requests", "engine_estimated_stream_capacity"} <= known, "as Deepgram's charts name them"
