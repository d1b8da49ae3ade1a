"""The Kubernetes manifests as a list of objects, and questions about them. Used by test_manifests.py.

`render` does what `kubectl kustomize` does, for the few features that deploy/kubernetes uses, and refuses any other:
kubectl is no Debian package. tests/kubernetes compares the two.
"""

import copy
import ipaddress
from pathlib import Path

import yaml

CLUSTER_WIDE = ("Namespace", "PriorityClass")
KNOWN = {"apiVersion", "kind", "resources", "components", "patches", "namespace", "labels", "images", "replacements",
         "configMapGenerator", "generatorOptions"}
# How lists of objects are merged by a patch; a list of anything else is replaced.
MERGE_KEYS = {"containers": "name", "initContainers": "name", "env": "name", "volumes": "name",
              "volumeMounts": "mountPath", "ports": "containerPort"}
MERGE_KEY_OF_SERVICE_PORTS = "port"


def load(file):
    return [document for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader) if document]


def render(folder, given=()):
    """All objects of the kustomization in `folder`; a component changes those that it is given, too."""
    folder = Path(folder)
    kustomization, = load(folder / "kustomization.yaml")
    unknown = kustomization.keys() - KNOWN
    if unknown:
        raise ValueError(f"{folder}: this loader knows nothing of {', '.join(sorted(unknown))}")
    objects = list(given)
    for name in kustomization.get("resources", ()):
        resource = folder / name
        objects += render(resource) if resource.is_dir() else copy.deepcopy(load(resource))
    for name in kustomization.get("components", ()):
        objects = render(folder / name, objects)
    for entry in kustomization.get("configMapGenerator", ()):
        data = {Path(file).name: (folder / file).read_text() for file in entry["files"]}
        assert entry.keys() == {"name", "files"} and kustomization["generatorOptions"]["disableNameSuffixHash"], folder
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
                        "metadata": {"name": entry["name"], "labels": kustomization["generatorOptions"]["labels"]}})
    for entry in kustomization.get("patches", ()):
        for patch in load(folder / entry["path"]):
            target = find(objects, patch["kind"], patch["metadata"]["name"])
            target.update(merged(target, patch))
    for one in objects:
        if "namespace" in kustomization and one["kind"] == "Namespace":
            one["metadata"]["name"] = kustomization["namespace"]
        elif "namespace" in kustomization and one["kind"] not in CLUSTER_WIDE:
            one["metadata"]["namespace"] = kustomization["namespace"]
        for entry in kustomization.get("labels", ()):
            for metadata in labelled(one, entry.get("includeTemplates", False)):
                metadata["labels"] = metadata.get("labels", {}) | entry["pairs"]
        for container in containers(one):
            for image in kustomization.get("images", ()):
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
    for entry in kustomization.get("replacements", ()):
        replace(objects, entry)
    return objects


def labelled(one, templates):
    """Where a label goes: to the object, and to what it makes pods and volume claims of."""
    yield one["metadata"]
    if templates and "template" in one.get("spec", {}):
        yield one["spec"]["template"]["metadata"]
        yield from (claim["metadata"] for claim in one["spec"].get("volumeClaimTemplates", ()))


def replace(objects, entry):
    source, = [one for one in objects if is_selected(one, entry["source"])]
    value = source
    for step in entry["source"]["fieldPath"].split("."):
        value = value[step]
    for target in entry["targets"]:
        for one in objects:
            if is_selected(one, target["select"]):
                for path in target["fieldPaths"]:
                    set_field(one, path.split("."), value, target.get("options", {}).get("create", False))


def is_selected(one, select):
    return one["kind"] == select["kind"] and one["metadata"]["name"] == select.get("name", one["metadata"]["name"])


def set_field(one, path, value, create):
    for step in path[:-1]:
        one = one[step]
    if path[-1] not in one and not create:
        raise ValueError(f"there is no {'.'.join(path)} to replace")
    one[path[-1]] = value


def merged(base, patch, key=None):
    """A strategic merge patch: of a list, what the patch names stands first, in its order. A null, and `$patch: delete` in an
    item of a list, take away what they name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        result = {name: merged(base[name], patch[name], name) if name in patch else base[name] for name in base
                  if patch.get(name, base) is not None}
        added = {name: merged({}, value, name) if isinstance(value, dict) else value for name, value in patch.items()
                 if name not in base and value is not None}
        return copy.deepcopy(result | added)
    if isinstance(base, list) and isinstance(patch, list) and key in MERGE_KEYS:
        merge_key = MERGE_KEYS[key]
        if key == "ports" and not any(merge_key in item for item in base):
            merge_key = MERGE_KEY_OF_SERVICE_PORTS
        there = {item[merge_key]: item for item in base}
        gone = {item[merge_key] for item in patch if item.get("$patch") == "delete"}
        if gone - there.keys():
            raise ValueError(f"there is no {', '.join(gone - there.keys())} to delete")
        named = {item[merge_key]: merged(there.get(item[merge_key], {}), item) for item in patch if item[merge_key] not in gone}
        return copy.deepcopy([*named.values(), *(item for name, item in there.items() if name not in named.keys() | gone)])
    return copy.deepcopy(patch)


def find(objects, kind, name):
    found = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    if len(found) != 1:
        raise ValueError(f"{len(found)} objects are {kind} {name}")
    return found[0]


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def containers(one):
    """Init containers too; none of what is no workload."""
    spec = one.get("spec", {}).get("template", {}).get("spec", {})
    return [*spec.get("initContainers", ()), *spec.get("containers", ())]


def environment(container):
    """What is known before there is a pod; for what the pod's own fields say, the path of the field."""
    return {entry["name"]: entry["value"] if "value" in entry else entry["valueFrom"]["fieldRef"]["fieldPath"]
            for entry in container.get("env", ())}


def selects(selector, its_labels):
    """Whether a label selector selects; an empty one selects everything."""
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In", expression
        if its_labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(its_labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


class Network:
    """What the NetworkPolicies of a namespace let through. A pod is its labels, and its namespace's if that is another."""

    def __init__(self, objects):
        self._policies = [policy["spec"] for policy in of_kind(objects, "NetworkPolicy")]

    def may_connect(self, source, target, port, protocol="TCP", source_namespace=None, target_namespace=None):
        """Between pods: it takes both an egress rule at the source and an ingress rule at the target."""
        out = source_namespace is not None or self._allows("egress", source, (target, target_namespace), port, protocol)
        into = target_namespace is not None or self._allows("ingress", target, (source, source_namespace), port, protocol)
        return out and into

    def may_reach(self, source, address, port, protocol="TCP"):
        """An address that is no pod of the cluster."""
        return self._allows("egress", source, ipaddress.ip_address(address), port, protocol)

    def _allows(self, direction, its_labels, peer, port, protocol):
        applying = [policy for policy in self._policies if direction.capitalize() in policy["policyTypes"]
                    and selects(policy["podSelector"], its_labels)]
        rules = [rule for policy in applying for rule in policy.get(direction, ())]
        peers = "to" if direction == "egress" else "from"
        return not applying or any(self._has_port(rule, port, protocol) and
                                   any(self._is_peer(one, peer) for one in rule[peers]) for rule in rules)

    @staticmethod
    def _has_port(rule, port, protocol):
        return any(one["port"] == port and one["protocol"] == protocol for one in rule["ports"])

    @staticmethod
    def _is_peer(rule, peer):
        if "ipBlock" in rule:
            inside = [ipaddress.ip_network(rule["ipBlock"]["cidr"]), *map(ipaddress.ip_network, rule["ipBlock"].get("except", ()))]
            return not isinstance(peer, tuple) and peer in inside[0] and not any(peer in net for net in inside[1:])
        if not isinstance(peer, tuple):
            return False
        its_labels, namespace = peer
        if "namespaceSelector" in rule:
            # Our own namespace has only the labels that every namespace has, and none that is asked for here.
            right_namespace = selects(rule["namespaceSelector"], namespace or {})
        else:
            right_namespace = namespace is None
        return right_namespace and selects(rule.get("podSelector", {}), its_labels)
