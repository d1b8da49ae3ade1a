"""deploy/kubernetes keeps what matters: one bus, one subscriber, no foreign traffic, no privilege, no secret shown.

Runs on what our own loader makes of the overlays, or on what is in the folder CANCELBUS_RENDERED (OVERLAY.yaml), where
tests/kubernetes puts what kubectl makes of them.
"""

import functools
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import manifests
import pytest
from manifests import Network, containers, environment, find, labels, of_kind, pod, selects, workloads

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build"))
OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
BASE = ROOT / "deploy" / "kubernetes" / "base"
RENDERED = os.environ.get("CANCELBUS_RENDERED")
SERVICES = ("cancel-bus", "cancel-worker", "final-subscriber")
STRATEGY = {"cancelbus/role": "strategy"}
EVERY_PORT = (53, 80, 443, 5550, 5551, 5552, 8443, 8444, 9550)


@pytest.fixture(params=["production", "sandbox"])
def overlay(request):
    return request.param


@functools.cache
def rendered(overlay):
    if RENDERED:
        return manifests.load(Path(RENDERED) / f"{overlay}.yaml")
    return manifests.render(OVERLAYS / overlay)


@pytest.fixture
def objects(overlay):
    return rendered(overlay)


@pytest.fixture
def bus(objects):
    return find(objects, "StatefulSet", "cancel-bus")


@pytest.fixture
def worker(objects):
    return find(objects, "Deployment", "cancel-worker")


@pytest.fixture
def subscriber(objects):
    return find(objects, "Deployment", "final-subscriber")


@pytest.fixture
def network(objects):
    return Network(objects)


@functools.cache
def flags(program):
    """Default values of an executable's flags, empty for one that has none."""
    text = subprocess.run([BUILD / "bin" / program, "--help"], capture_output=True, text=True, check=True).stdout
    return {name: default for name, default in re.findall(r"^  --(\w+)\b[^\n]*(?:\n      [^\n]*?(?:\(default: (.*?)\))?$)?",
                                                          text, re.MULTILINE)}


def seconds(duration):
    return float(re.fullmatch(r"([\d.]+)s", duration).group(1))


def all_containers(objects):
    return [(workload, container) for workload in workloads(objects) for container in containers(workload)]


def mounted(container):
    return {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", ())}


# One of each that may exist once.

def test_there_is_one_bus_with_its_store_on_a_volume_that_stays(bus):
    assert bus["spec"]["replicas"] == 1
    container, = containers(bus)
    claim, = bus["spec"]["volumeClaimTemplates"]
    assert environment(container)["CANCELBUS_STORE"].startswith(f"sqlite:{mounted(container)[claim['metadata']['name']]}/")
    assert set(bus["spec"]["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}


def test_the_old_subscriber_ends_before_the_new_one_comes(subscriber):
    assert subscriber["spec"]["replicas"] == 1
    assert subscriber["spec"]["strategy"] == {"type": "Recreate"}


def test_a_new_worker_comes_before_an_old_one_goes(worker):
    assert worker["spec"]["replicas"] >= 2
    assert worker["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_bus_expects_as_many_workers_as_there_are(bus, worker):
    container, = containers(bus)
    assert environment(container)["CANCELBUS_EXPECTED_WORKERS"] == str(worker["spec"]["replicas"])


def test_a_worker_first_checks_key_and_address_as_itself(worker):
    check, = pod(worker)["initContainers"]
    service, = pod(worker)["containers"]
    assert check["command"] == [*service["command"], "--check"]
    assert {key: check[key] for key in ("env", "image", "volumeMounts", "securityContext")} == \
        {key: service[key] for key in ("env", "image", "volumeMounts", "securityContext")}


# No privilege, no secret.

def test_no_container_has_a_privilege(objects):
    for workload, container in all_containers(objects):
        name = workload["metadata"]["name"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}, name
        context = pod(workload)["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"], context["seccompProfile"]) == \
            (True, 10001, {"type": "RuntimeDefault"}), name
        assert pod(workload)["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod(workload).keys(), name
        assert not any("hostPath" in volume for volume in pod(workload)["volumes"]), name


def test_the_namespace_admits_nothing_with_privileges(objects, overlay):
    namespace, = of_kind(objects, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert all(one["metadata"]["namespace"] == namespace["metadata"]["name"] for one in objects
               if one["kind"] not in manifests.CLUSTER_WIDE)


def test_secrets_are_only_referred_to_and_readable_by_the_pod_alone(objects):
    assert of_kind(objects, "Secret", "ConfigMap") == []
    for workload in workloads(objects):
        for volume in pod(workload)["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440, volume
                assert pod(workload)["securityContext"]["fsGroup"] == pod(workload)["securityContext"]["runAsUser"]
        for container in containers(workload):
            assert all("value" in entry or entry["valueFrom"].keys() == {"fieldRef"} for entry in container["env"]), \
                "a secret in the environment shows"


def test_files_that_flags_name_are_mounted_read_only(objects):
    for _, container in all_containers(objects):
        read_only = [f"{mount['mountPath']}/" for mount in container["volumeMounts"] if mount.get("readOnly")]
        for name, value in environment(container).items():
            if name.endswith("_FILE"):
                assert value.startswith(tuple(read_only)), f"{name}={value}"


def test_every_socket_is_encrypted(objects, bus):
    for workload, container in all_containers(objects):
        if workload["metadata"]["name"] != "exchange-sim":
            assert "CANCELBUS_CURVE_KEY_FILE" in environment(container)
            assert "CANCELBUS_INSECURE_LOOPBACK" not in environment(container)
    assert "CANCELBUS_POLICY_FILE" in environment(containers(bus)[0])


def test_production_holds_nothing_of_the_sandbox(overlay, objects):
    if overlay == "production":
        assert not {one["metadata"]["name"] for one in workloads(objects)} - set(SERVICES)
        text = json.dumps(objects)
        assert "exchange-sim" not in text and "sandbox" not in text
        assert "CANCELBUS_REST_URL" not in text and "CANCELBUS_STREAM_URL" not in text


def test_images_are_named_with_a_version(objects):
    for _, container in all_containers(objects):
        assert re.search(r"/[\w-]+:(?!latest$)[\w.-]+$", container["image"]), container["image"]


# Names and numbers fit together.

def test_every_setting_is_a_flag_of_its_program(objects):
    for _, container in all_containers(objects):
        known = flags(container["command"][0])
        given = {name.removeprefix("CANCELBUS_").lower() for name in environment(container) if name.startswith("CANCELBUS_")}
        assert given <= known.keys(), f"{container['name']}: {given - known.keys()}"


def test_services_lead_to_ports_that_are_listened_on(objects):
    for service in of_kind(objects, "Service"):
        behind, = [workload for workload in workloads(objects) if selects({"matchLabels": service["spec"]["selector"]}, labels(workload))]
        open_ports = {port["name"]: port["containerPort"] for container in containers(behind) for port in container.get("ports", ())}
        for port in service["spec"]["ports"]:
            assert open_ports[port["targetPort"]] == port["port"], service["metadata"]["name"]


def test_programs_connect_to_services_that_exist(objects):
    offered = {(service["metadata"]["name"], port["port"]) for service in of_kind(objects, "Service") for port in service["spec"]["ports"]}
    for _, container in all_containers(objects):
        for name, value in environment(container).items():
            address = re.fullmatch(r"(?:tcp|https|wss)://([\w-]+):(\d+)", value)
            if address:
                assert (address.group(1), int(address.group(2))) in offered, f"{name}={value}"


def test_listening_ports_are_declared(objects):
    for _, container in all_containers(objects):
        listens = {int(value.rpartition(":")[2]) for value in environment(container).values()
                   if re.match(r"(tcp://\*|0\.0\.0\.0):", value)}
        if "ports" in container:
            assert {port["containerPort"] for port in container["ports"]} == listens, container["name"]


def test_only_the_component_for_ipv6_needs_a_node_with_ipv6(objects):
    """Where the kernel has none, nothing can be bound at [::]."""
    assert not any("[::]" in value for _, container in all_containers(objects) for value in environment(container).values())


def test_with_the_component_for_ipv6_all_listen_at_both_kinds_of_addresses_and_nothing_else_is_another():
    def but_for_listening(objects):
        return [(workload["metadata"]["name"], {key: value for key, value in container.items() if key != "env"},
                 {name: re.sub(r"^tcp://\*:", "tcp://[::]:", re.sub(r"^0\.0\.0\.0:", "[::]:", value))
                  for name, value in environment(container).items()}) for workload, container in all_containers(objects)]

    folder = Path(__file__).parent / "overlays" / "ipv6"
    with_it = manifests.load(Path(RENDERED) / "ipv6.yaml") if RENDERED else manifests.render(folder)
    settings = [value for _, container in all_containers(with_it) for value in environment(container).values()]
    assert not any(value.startswith(("tcp://*", "0.0.0.0")) for value in settings)
    assert sum("[::]" in value for value in settings) == 4 + 2 + 1, "the bus's four, a worker's and its check's, the subscriber's"
    by_name = sorted(but_for_listening(with_it), key=lambda found: found[1]["name"])
    assert by_name == sorted(but_for_listening(manifests.render(BASE)), key=lambda found: found[1]["name"])


@pytest.mark.parametrize("name", SERVICES)
def test_probes_ask_the_monitor(objects, name):
    workload, = [one for one in workloads(objects) if one["metadata"]["name"] == name]
    container, = pod(workload)["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "monitor"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "monitor"}
    monitor, = [port["containerPort"] for port in container["ports"] if port["name"] == "monitor"]
    assert environment(container)["CANCELBUS_MONITOR_ADDRESS"] == f"0.0.0.0:{monitor}"
    # A slow disk or a full node is no reason to be killed in the middle of things.
    probe = container["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 30


def test_a_drain_fits_into_the_grace_period(bus, worker, subscriber):
    assert pod(bus)["terminationGracePeriodSeconds"] > seconds(flags("cancel-bus")["lost_after"]) + 2
    assert pod(worker)["terminationGracePeriodSeconds"] > seconds(flags("cancel-worker")["request_timeout"]) + 2.3
    assert pod(subscriber)["terminationGracePeriodSeconds"] > 1.5


def test_the_query_limit_leaves_room_for_checks(bus, worker):
    """A worker's --check is one query past the limiter. After an outage all of them may start in the same second."""
    def rules(text):
        return {period: int(limit) for limit, period in re.findall(r"(\d+)/(\w+)", text)}

    ours = rules(environment(containers(bus)[0])["CANCELBUS_QUERY_LIMITS"])
    exchange = rules(flags("cancel-bus")["query_limits"])
    at_once = worker["spec"]["replicas"]
    assert ours.keys() == exchange.keys()
    assert ours["1s"] + at_once <= exchange["1s"]
    # Each of them, and the one that a rollout adds, starts anew at most every 10 s when it fails.
    assert ours["60s"] + at_once + 6 <= exchange["60s"]


def test_resources_are_stated_and_memory_is_kept(objects):
    for workload, container in all_containers(objects):
        resources = container["resources"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"], workload["metadata"]["name"]
        assert "cpu" in resources["requests"] and "cpu" not in resources["limits"], "a CPU limit delays cancels"


def test_selectors_select_what_they_are_meant_for(objects):
    for workload in workloads(objects):
        assert selects(workload["spec"]["selector"], labels(workload))
    budgets = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "PodDisruptionBudget")}
    assert set(budgets) == set(SERVICES)
    for workload in workloads(objects):
        matching = {name for name, spec in budgets.items() if selects(spec["selector"], labels(workload))}
        assert matching == {workload["metadata"]["name"]} & set(SERVICES)
    # Of what exists once, nothing goes without a person; of the workers one at a time.
    assert budgets["cancel-bus"]["minAvailable"] == budgets["final-subscriber"]["minAvailable"] == 1
    assert budgets["cancel-worker"]["maxUnavailable"] == 1


def test_in_production_the_services_go_before_what_can_wait(overlay, objects):
    if overlay != "production":
        assert of_kind(objects, "PriorityClass") == []
        return
    priority, = of_kind(objects, "PriorityClass")
    assert priority["value"] > 0 and not priority.get("globalDefault", False)
    assert {one["metadata"]["name"] for one in workloads(objects)
            if pod(one).get("priorityClassName") == priority["metadata"]["name"]} == set(SERVICES)


# Two accounts in one cluster.

@functools.cache
def another_account():
    """What the README says: a copy of the production overlay with another namespace and label."""
    if RENDERED:
        return manifests.load(Path(RENDERED) / "another-account.yaml")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([ROOT / "tests" / "deploy" / "another-account", folder], check=True)
        return manifests.render(Path(folder) / "overlays" / "another-account")


def test_two_overlays_share_no_object_of_the_cluster():
    cluster_wide = [(one["kind"], one["metadata"]["name"]) for objects in (rendered("production"), rendered("sandbox"), another_account())
                    for one in objects if one["kind"] in manifests.CLUSTER_WIDE]
    assert len(set(cluster_wide)) == len(cluster_wide) >= 5
    assert {one["kind"] for one in another_account() if "namespace" not in one["metadata"]} <= set(manifests.CLUSTER_WIDE)


def test_another_account_needs_a_namespace_and_a_label_and_nothing_else():
    text = json.dumps(another_account())
    for other, ours in (("cancelbus-other", "cancelbus"), ("other", "main")):
        assert f'"{other}"' in text
        text = text.replace(f'"{other}"', f'"{ours}"')
    assert json.loads(text) == rendered("production")
    assert "main" not in {one["metadata"]["labels"]["cancelbus/account"] for one in another_account()}


@pytest.mark.parametrize("objects, account", [(lambda: rendered("production"), "main"), (another_account, "other")])
def test_each_account_leaves_the_cluster_by_an_address_of_its_own(objects, account):
    for name in ("cancel-worker", "final-subscriber"):
        assert pod(find(objects(), "Deployment", name))["nodeSelector"] == {"cancelbus/egress": account}


def test_the_bus_knows_its_account_from_the_label(objects, overlay):
    bus = find(objects, "StatefulSet", "cancel-bus")
    container, = containers(bus)
    assert environment(container)["CANCELBUS_ACCOUNT"] == "metadata.labels['cancelbus/account']"
    assert labels(bus)["cancelbus/account"] == {"production": "main", "sandbox": "sandbox"}[overlay]


def test_workers_are_spread_over_zones_and_nodes(worker):
    keys = {one["topologyKey"]: one for one in pod(worker)["topologySpreadConstraints"]}
    assert set(keys) == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(selects(one["labelSelector"], labels(worker)) for one in keys.values())


# Who reaches whom.

def reached_by(network, source, target, **namespaces):
    return {port for port in EVERY_PORT if network.may_connect(source, target, port, **namespaces)}


def test_strategies_reach_session_and_events_of_the_bus_and_no_more(network, objects, bus, worker, subscriber):
    assert reached_by(network, STRATEGY, labels(bus)) == {5550, 5551}
    assert reached_by(network, STRATEGY, labels(bus), source_namespace={"cancelbus/strategies": "allowed"}) == {5550, 5551}
    assert reached_by(network, STRATEGY, labels(worker)) == reached_by(network, STRATEGY, labels(subscriber)) == set()
    assert reached_by(network, STRATEGY, labels(bus), source_namespace={}) == set()
    assert reached_by(network, {"app": "else"}, labels(bus)) == set()
    assert reached_by(network, {"app": "else"}, labels(bus), source_namespace={"cancelbus/strategies": "allowed"}) == set()


def test_only_workers_and_the_subscriber_reach_the_backend(network, objects, bus, worker, subscriber):
    assert reached_by(network, labels(worker), labels(bus)) == reached_by(network, labels(subscriber), labels(bus)) == {5552}
    others = [labels(one) for one in workloads(objects) if one not in (worker, subscriber)]
    for source in (*others, STRATEGY, {"cancelbus/role": "monitoring"}, {}):
        assert 5552 not in reached_by(network, source, labels(bus))


def test_our_pods_speak_to_no_other_peer(network, objects, overlay):
    allowed = {("cancel-worker", "cancel-bus"), ("final-subscriber", "cancel-bus")}
    if overlay == "sandbox":
        allowed |= {("cancel-worker", "exchange-sim"), ("final-subscriber", "exchange-sim"), ("strategy", "cancel-bus")}
    reaching = {(source["metadata"]["name"], target["metadata"]["name"]) for source in workloads(objects)
                for target in workloads(objects)
                if target["metadata"]["name"] != "strategy" and reached_by(network, labels(source), labels(target))}
    assert reaching == allowed


def test_monitoring_reaches_metrics_and_no_more(network, objects):
    for workload in workloads(objects):
        if workload["metadata"]["name"] in SERVICES:
            reached = reached_by(network, {"cancelbus/role": "monitoring"}, labels(workload), source_namespace={"team": "ops"})
            assert reached == {9550}


@pytest.mark.parametrize("name", SERVICES)
def test_the_way_out(network, objects, name):
    workload, = [one for one in workloads(objects) if one["metadata"]["name"] == name]
    goes_out = name != "cancel-bus"
    for address in ("104.16.1.1", "2606:4700::1"):
        assert network.may_reach(labels(workload), address, 443) is goes_out, address
        assert not network.may_reach(labels(workload), address, 80)
        assert not network.may_reach(labels(workload), address, 443, "UDP")
    for address in ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "0.0.0.0",
                    "169.254.169.254", "224.0.0.1", "255.255.255.255", "fd00::1", "fe80::1", "fd00:ec2::254", "::1", "::ffff:10.0.0.1"):
        assert not any(network.may_reach(labels(workload), address, port) for port in EVERY_PORT), address
    dns = {"target_namespace": {"kubernetes.io/metadata.name": "kube-system"}}
    for protocol in ("UDP", "TCP"):
        assert network.may_connect(labels(workload), {"k8s-app": "kube-dns"}, 53, protocol, **dns) is goes_out
        assert not network.may_connect(labels(workload), {"k8s-app": "other"}, 53, protocol, **dns)
    assert not network.may_connect(labels(workload), {"k8s-app": "kube-dns"}, 443, **dns)


# With the component for FIX.

def with_fix():
    folder = Path(__file__).parent / "overlays" / "fix"
    return manifests.load(Path(RENDERED) / "fix.yaml") if RENDERED else manifests.render(folder)


def test_the_fix_gateway_is_one_and_keeps_its_messages():
    gateway = find(with_fix(), "StatefulSet", "cancel-fix")
    assert gateway["spec"]["replicas"] == 1
    assert gateway["spec"]["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    claim, = gateway["spec"]["volumeClaimTemplates"]
    container, = containers(gateway)
    assert mounted(container)[claim["metadata"]["name"]] == "/var/lib/cancel-fix"
    assert pod(gateway)["terminationGracePeriodSeconds"] > 4


def test_the_fix_gateway_has_no_privilege_and_no_service_account():
    gateway = find(with_fix(), "StatefulSet", "cancel-fix")
    assert pod(gateway)["automountServiceAccountToken"] is False
    assert pod(gateway)["securityContext"]["runAsNonRoot"] is True
    container, = containers(gateway)
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


def test_order_management_systems_reach_the_fix_gateway_and_it_the_bus_alone():
    objects = with_fix()
    network = Network(objects)
    gateway = labels(find(objects, "StatefulSet", "cancel-fix"))
    oms = {"cancelbus/role": "oms"}
    ports = (*EVERY_PORT, 9876)

    def reached(source, target, **namespaces):
        return {port for port in ports if network.may_connect(source, target, port, **namespaces)}

    assert reached(oms, gateway) == {9876}
    assert reached(oms, gateway, source_namespace={"cancelbus/strategies": "allowed"}) == {9876}
    assert reached(oms, gateway, source_namespace={}) == set()
    assert reached(STRATEGY, gateway) == reached({"app": "else"}, gateway) == set()
    assert reached({"cancelbus/role": "monitoring"}, gateway, source_namespace={"team": "ops"}) == {9550}
    assert reached(gateway, labels(find(objects, "StatefulSet", "cancel-bus"))) == {5550, 5551}
    for name in ("cancel-worker", "final-subscriber"):
        assert reached(gateway, labels(find(objects, "Deployment", name))) == set()
        assert reached(labels(find(objects, "Deployment", name)), gateway) == set()
    assert not network.may_reach(gateway, "104.16.1.1", 443)
    assert reached(oms, labels(find(objects, "StatefulSet", "cancel-bus"))) == set()


# What the sandbox takes by name.

def test_sandbox_secrets_hold_all_that_the_sandbox_refers_to(overlay, objects):
    if overlay != "sandbox":
        return
    made = json.loads(subprocess.run([ROOT / "deploy" / "kubernetes" / "sandbox-secrets", f"--build_dir={BUILD}"],
                                     capture_output=True, text=True, check=True).stdout)["items"]
    files = {(one["kind"], one["metadata"]["name"]): one.get("stringData", one.get("data")) for one in made}
    assert {one["metadata"]["namespace"] for one in made} == {of_kind(objects, "Namespace")[0]["metadata"]["name"]}
    used = set()
    for workload, container in all_containers(objects):
        sources = {volume["name"]: ("Secret", volume["secret"]["secretName"]) if "secret" in volume
                   else ("ConfigMap", volume["configMap"]["name"]) for volume in pod(workload)["volumes"]}
        for name, value in environment(container).items():
            if name.endswith("_FILE"):
                folder, _, file = value.rpartition("/")
                source, = [sources[volume] for volume, path in mounted(container).items() if path == folder]
                assert files[source][file].strip(), value
                used.add(source)
    assert used == files.keys(), "nothing is made in vain"


# The loader itself: what it cannot do it says.

def test_the_loader_refuses_what_it_does_not_know(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("resources: []\nnamePrefix: other-\n")
    with pytest.raises(ValueError, match="namePrefix"):
        manifests.render(tmp_path)


def test_the_loader_refuses_a_patch_of_nothing(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("resources: []\npatches: [{path: p.yaml}]\n")
    (tmp_path / "p.yaml").write_text("kind: Deployment\nmetadata: {name: absent}\n")
    with pytest.raises(ValueError, match="absent"):
        manifests.render(tmp_path)
