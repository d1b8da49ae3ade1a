"""The rules fire when they should and not otherwise, as promtool reads them, and each leads to its words in the runbook."""

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from manifests import containers, find, labels, pod, render, selects, workloads

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
COMPONENT = ROOT / "deploy" / "kubernetes" / "components" / "prometheus-operator"
PRODUCTION = ROOT / "deploy" / "kubernetes" / "overlays" / "production"


def promtool(*arguments):
    """On this machine, or where deploy/setup unpacks it."""
    program = shutil.which("promtool") or shutil.which("promtool", path=str(ROOT / "build" / "tools" / "usr" / "bin"))
    assert program, "promtool is not there: deploy/setup tests"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def rules():
    group, = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]
    return group["rules"]


def test_the_rules_are_as_prometheus_wants_them_and_do_what_their_tests_say():
    checked = promtool("check", "rules", MONITORING / "alerts.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", MONITORING / "alerts_test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_rule_is_made_to_fire_and_not_to_fire(rules):
    expected = {}
    for test in yaml.safe_load((MONITORING / "alerts_test.yaml").read_text())["tests"]:
        for asked in test["alert_rule_test"]:
            expected.setdefault(asked["alertname"], []).append(bool(asked["exp_alerts"]))
    assert {name: sorted(set(fired)) for name, fired in expected.items()} == {rule["alert"]: [False, True] for rule in rules}


def test_every_rule_keeps_two_accounts_in_one_prometheus_apart(rules):
    """Each is a namespace. A sum over both would say that an account's failures are few, or that two buses are one too many."""
    for rule in rules:
        for aggregated in re.findall(r"\b(?:count|group|max|min|sum|avg)\b\s*(.*)", rule["expr"]):
            assert aggregated.startswith("by (namespace") or aggregated.startswith("without"), rule["alert"]


def test_the_targets_of_prometheus_have_the_label_that_the_rules_ask_for():
    job, = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())["scrape_configs"]
    assert {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"} in job["relabel_configs"]


def test_every_rule_says_how_bad_it_is_and_leads_to_its_place_in_the_runbook(rules):
    headings = re.findall(r"^## (.*)$", (ROOT / "deploy" / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules]
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["runbook_url"] == f"deploy/RUNBOOK.md#{rule['alert'].lower()}"


def test_every_cause_leads_to_a_heading_of_the_runbook_and_its_table_says_the_same():
    text = (ROOT / "deploy" / "RUNBOOK.md").read_text()
    source = (ROOT / "service" / "core" / "causes.cpp").read_text()
    body = source.split("std::string_view runbook_of(CauseKind kind) {", 1)[1].split("\n}\n", 1)[0]
    led, waiting = {}, []
    for line in body.splitlines():
        if case := re.fullmatch(r"    case CauseKind::(\w+):", line):
            waiting.append(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", case.group(1)).upper())
        elif heading := re.fullmatch(r'      return "(.+)";', line):
            led |= dict.fromkeys(waiting, heading.group(1))
            waiting = []
    kinds = re.findall(r"^  CAUSE_KIND_(\w+) = [1-9]", (ROOT / "proto/cancelbus/v1/cancel.proto").read_text(), re.MULTILINE)
    assert sorted(led) == sorted(kinds) and not waiting
    headings = re.findall(r"^###? (.*)$", text, re.MULTILINE)
    assert set(led.values()) <= set(headings)
    assert set(re.findall(r'cause\.runbook = "(.+)";', source)) <= set(headings)
    table = text.split("| cause | heading |", 1)[1].split("\n\n", 1)[0]
    assert {kind: heading for names, heading in re.findall(r"^\| ([A-Z_, ]+) \| \[([^]]+)\]", table, re.MULTILINE)
            for kind in names.split(", ")} == led


def script(name):
    """A script of deploy/monitoring as a module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(MONITORING / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_the_dashboard_is_what_its_script_prints():
    assert (MONITORING / "dashboard.json").read_text() == script("dashboard").text(), \
        "deploy/monitoring/dashboard >deploy/monitoring/dashboard.json"


def test_the_operator_is_given_the_same_rules_and_dashboard():
    rule = render(COMPONENT)
    assert (MONITORING / "prometheus-rule.yaml").read_text() == script("prometheus-rule").text(), \
        "deploy/monitoring/prometheus-rule >deploy/monitoring/prometheus-rule.yaml"
    groups, = [one["spec"] for one in rule if one["kind"] == "PrometheusRule"]
    assert groups == yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    dashboard, = [one for one in rule if one["kind"] == "ConfigMap"]
    assert dashboard["data"] == {"dashboard.json": (MONITORING / "dashboard.json").read_text()}
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"}


def test_the_operator_finds_the_pods_that_the_annotations_name():
    monitor, = [one["spec"] for one in render(COMPONENT) if one["kind"] == "PodMonitor"]
    objects = render(PRODUCTION)
    found = {one["metadata"]["name"] for one in workloads(objects) if selects(monitor["selector"], labels(one))}
    assert found == {one["metadata"]["name"] for one in workloads(objects)
                     if "prometheus.io/scrape" in one["spec"]["template"]["metadata"]["annotations"]}
    endpoint, = monitor["podMetricsEndpoints"]
    for one in workloads(objects):
        assert endpoint["port"] in {port["name"] for container in pod(one)["containers"] for port in container["ports"]}
        assert labels(one)[monitor["jobLabel"]] == "cancelbus", "the job that the rules ask for"
        assert set(monitor["podTargetLabels"]) <= labels(one).keys()


def test_prometheus_is_told_where_our_pods_are(tmp_path):
    config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    job, = config["scrape_configs"]
    objects = render(PRODUCTION)
    namespace, = [one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"]
    assert job["job_name"] == "cancelbus"
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": [namespace]}}]
    for kind, name in (("StatefulSet", "cancel-bus"), ("Deployment", "cancel-worker"), ("Deployment", "final-subscriber")):
        workload = find(objects, kind, name)
        container, = containers(workload)[-1:]
        monitor, = [port["containerPort"] for port in container["ports"] if port["name"] == "monitor"]
        annotations = workload["spec"]["template"]["metadata"]["annotations"]
        assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": str(monitor)}, name
        assert pod(workload)["containers"] == [container], name
    # The rest as Debian's promtool reads it, which is built without discovery on Kubernetes.
    (tmp_path / "alerts.yaml").write_text((MONITORING / "alerts.yaml").read_text())
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    checked = promtool("check", "config", tmp_path / "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
