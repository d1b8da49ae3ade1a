#!/usr/bin/python3
"""Rendered manifests as TypeScript literals of the types that the Kubernetes API declares, so that a compiler finds
unknown fields and wrong types.

usage: tests/deploy/typed.py MANIFESTS.yaml >check.ts
"""

import json
import sys
from pathlib import Path

import manifests


def module(api_version):
    """`v1` is in core/v1, `networking.k8s.io/v1` in networking/v1."""
    group, _, version = api_version.rpartition("/")
    return f"kubernetes-types/{group.split('.')[0] or 'core'}/{version}"


def main():
    for index, one in enumerate(manifests.load(Path(sys.argv[1]))):
        if one["apiVersion"].startswith("monitoring.coreos.com/"):  # the Prometheus Operator's own: not of the API
            continue
        print(f"// {one['kind']} {one['metadata']['name']}")
        print(f"import {{ {one['kind']} as Type{index} }} from \"{module(one['apiVersion'])}\";")
        print(f"export const object{index}: Type{index} = {json.dumps(one, indent=1)};")


if __name__ == "__main__":
    main()
