"""The overlay `standby`: two buses that share a database and keep nothing themselves, and everybody finds the one that leads."""

import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import manifests
import pytest
from manifests import Network, containers, environment, find, labels, of_kind, pod, selects

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
RENDERED = os.environ.get("CANCELBUS_RENDERED")


@pytest.fixture(scope="module")
def objects():
    return manifests.load(Path(RENDERED) / "standby.yaml") if RENDERED else manifests.render(OVERLAYS / "standby")


@pytest.fixture
def bus(objects):
    return find(objects, "StatefulSet", "cancel-bus")


@pytest.fixture
def database():
    example, = manifests.load(OVERLAYS / "standby" / "database.yaml")
    return example


def test_everything_is_in_one_namespace_and_of_one_account(objects):
    bus = find(objects, "StatefulSet", "cancel-bus")["metadata"]
    for each in objects:
        if each["kind"] in ("Namespace", "PriorityClass"):
            continue
        meta = each["metadata"]
        assert meta.get("namespace") == bus["namespace"], meta["name"]
        assert meta["labels"]["cancelbus/account"] == bus["labels"]["cancelbus/account"], meta["name"]


def test_two_buses_on_two_nodes_keep_nothing(bus):
    assert bus["spec"]["replicas"] == 2
    assert bus["spec"]["podManagementPolicy"] == "Parallel", "the second must not wait for the first"
    assert not {"volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"} & bus["spec"].keys()
    apart, = pod(bus)["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert selects(apart["labelSelector"], labels(bus))
    container, = containers(bus)
    volumes = {volume["name"] for volume in pod(bus)["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes, "every mount has a volume, and the other way"
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_the_store_is_the_database_of_the_example_and_the_address_holds_no_password(bus, database):
    container, = containers(bus)
    store = urlsplit(environment(container)["CANCELBUS_STORE"])
    assert store.scheme == "postgresql" and store.password is None
    assert store.hostname == f"{database['metadata']['name']}-rw"
    init = database["spec"]["bootstrap"]["initdb"]
    assert (store.username, store.path) == (init["owner"], f"/{init['database']}")
    settings = {name: value for name, (value,) in parse_qs(store.query).items()}
    assert settings["sslmode"] == "verify-full"
    mounts = [f"{mount['mountPath']}/" for mount in container["volumeMounts"]]
    for name in ("sslrootcert", "sslcert", "sslkey"):
        assert settings[name].startswith(tuple(mounts)), name
    secret, = [volume["secret"] for volume in pod(bus)["volumes"] if volume["name"] == "database"]
    assert secret["defaultMode"] == 0o440, "libpq refuses a key that others may read"


def test_the_example_waits_for_a_second_server_at_each_commit(database):
    synchronous = database["spec"]["postgresql"]["synchronous"]
    assert synchronous["dataDurability"] == "required" and synchronous["number"] >= 1
    assert database["spec"]["instances"] > synchronous["number"] + 1, "one may be restarted while commits go on"
    role, = database["spec"]["managed"]["roles"]
    assert "pg_monitor" in role["inRoles"]


@pytest.mark.parametrize("name", ["cancel-worker", "final-subscriber"])
def test_workers_and_subscriber_connect_to_every_bus(objects, bus, name):
    service = find(objects, "Service", bus["spec"]["serviceName"])
    ports = {port["port"] for port in service["spec"]["ports"]}
    assert {5550, 5551, 5552, 9550} == ports
    for container in containers(find(objects, "Deployment", name)):
        endpoints = environment(container)["CANCELBUS_BACKEND_ENDPOINT"].split(",")
        assert endpoints == [f"tcp://cancel-bus-{number}.{service['metadata']['name']}:5552"
                             for number in range(bus["spec"]["replicas"])]


def test_only_buses_reach_the_database(objects, bus, database):
    network = Network(objects)
    server = {"cnpg.io/cluster": database["metadata"]["name"]}
    assert network.may_connect(labels(bus), server, 5432)
    for name in ("cancel-worker", "final-subscriber"):
        assert not network.may_connect(labels(find(objects, "Deployment", name)), server, 5432)


def test_nothing_else_differs_from_production(objects):
    production = manifests.render(OVERLAYS / "production")
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    assert names - {(one["kind"], one["metadata"]["name"]) for one in production} == {("NetworkPolicy", "bus-to-database")}
    changed = {(one["kind"], one["metadata"]["name"]) for one in objects
               if one not in production and one["metadata"]["name"] != "bus-to-database"}
    assert changed == {("StatefulSet", "cancel-bus"), ("Service", "cancel-bus-pods"), ("Deployment", "cancel-worker"),
                       ("Deployment", "final-subscriber")}
    assert not re.search("sqlite", str(of_kind(objects, "StatefulSet")))
