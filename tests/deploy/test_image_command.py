"""deploy/image asks the builder that works for the right thing, and refuses clearly what it cannot do. No container is
built here: the builders are stand-ins that write down how they were called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="no commit to build")
BUILDERS = ("docker", "podman", "buildah")


@pytest.fixture
def image(tmp_path):
    """Runs it where exactly these builders work; `image.called` is what the builder was asked for."""

    class Image:
        called = tmp_path / "called"
        context = tmp_path / "context"

        def __call__(self, *flags, working=()):
            for name in BUILDERS:
                shim = tmp_path / name
                shim.write_text(f'#!/bin/sh\n[ {int(name in working)} = 1 ] || exit 1\n[ "$1" != info ] || exit 0\n'
                                f'echo "{name} $*" >>{self.called}\nfor last; do :; done\ncp -r "$last" {self.context}\n')
                shim.chmod(0o755)
            return subprocess.run([ROOT / "deploy" / "image", *flags], capture_output=True, text=True, timeout=120, check=False,
                                  env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"})

    return Image()


def committed(path):
    shown = subprocess.run(["git", "-C", ROOT, "show", f"HEAD:{path}"], capture_output=True, text=True, check=True)
    return shown.stdout


@pytest.mark.parametrize("working, chosen", [(("docker", "buildah"), "docker"), (("podman", "buildah"), "podman"), (("buildah",), "buildah")])
def test_takes_the_first_builder_that_works(image, working, chosen):
    run = image(working=working)
    assert run.returncode == 0, run.stderr
    assert image.called.read_text().startswith(f"{chosen} build ")


def test_builds_the_last_commit_as_production(image):
    run = image(working=("podman",))
    called = image.called.read_text()
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert run.stdout == f"localhost/cancelbus:{commit}\n"
    assert "--target production " in called and f"--tag {run.stdout.strip()} " in called
    assert "BASE=docker.io/library/debian:bookworm-slim" in called and "SOURCE_DATE_EPOCH=1" in called
    version = subprocess.run([image.context / "deploy" / "version"], capture_output=True, text=True, check=True).stdout.strip()
    assert f"--label org.opencontainers.image.version={version} " in called
    assert (image.context / "CMakeLists.txt").read_text() == committed("CMakeLists.txt")
    assert not (image.context / ".git").exists() and not (image.context / "build").exists()


def test_the_sandbox_is_another_image(image):
    run = image("--target=sandbox", "--builder=docker", working=("docker",))
    assert run.stdout.strip().endswith("-sandbox")
    assert "--target sandbox " in image.called.read_text()


@pytest.mark.parametrize("flags, working, named", [
    ([], [], "none of docker, podman and buildah"),
    (["--builder=docker"], ["podman"], "--builder=docker"),
    (["--builder=kaniko"], ["podman"], "--builder=kaniko"),
    (["--target=debug"], ["podman"], "--target=debug"),
    (["--base="], ["podman"], "--base="),
    (["--base=debootstrap"], ["docker"], "--base=debootstrap"),
    (["--bass=x"], ["podman"], "--bass=x"),
    (["podman"], ["podman"], "podman: no such flag"),
])
def test_what_cannot_be_done_is_named(image, flags, working, named):
    run = image(*flags, working=working)
    assert run.returncode == 2
    assert named in run.stderr
    assert not image.called.exists()


def test_help(image):
    run = image("--help")
    assert run.returncode == 0 and run.stdout.startswith("usage: deploy/image")
