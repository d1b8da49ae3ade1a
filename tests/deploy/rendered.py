"""Our own loader renders the overlays as kubectl does. Not an entry of ctest: tests/kubernetes runs it, with what kubectl
makes of the overlays in the folder CANCELBUS_RENDERED."""

from pathlib import Path

import manifests
import pytest
from test_manifests import OVERLAYS, RENDERED


def by_name(objects):
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


@pytest.mark.parametrize("folder", [*sorted(OVERLAYS.iterdir()), *sorted((Path(__file__).parent / "overlays").iterdir())],
                         ids=lambda folder: folder.name)
def test_the_loader_renders_as_kubectl_does(folder):
    assert RENDERED, "CANCELBUS_RENDERED names no folder"
    kubectl = manifests.load(Path(RENDERED) / f"{folder.name}.yaml")
    assert by_name(manifests.render(folder)) == by_name(kubectl)
