"""deploy/release makes a wheel that works, the C++ client, the image and their checksums, and refuses clearly what it must not
publish. Compilers and builders of images are stand-ins: the C++ client and the image have tests of their own."""

import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = [name for name in ("git", "protoc") if not shutil.which(name)]
pytestmark = pytest.mark.skipif(bool(NEEDED) or not (ROOT / ".git").exists(), reason=f"no commit to build, or no {NEEDED}")
VERSION = subprocess.run([ROOT / "deploy" / "version"], capture_output=True, text=True, check=True).stdout.strip()
# Installs what the real one does, as far as it is looked at here.
CMAKE = """#!/bin/sh
for last; do :; done
mkdir -p "$last/include/cancelbus" && echo "// $1 $2 $3 $4 $5" >"$last/include/cancelbus/client.hpp"
"""
PODMAN = """#!/bin/sh
[ "$1" != info ] || exit 0
echo "$*" >>CALLED
while [ $# -gt 0 ]; do [ "$1" != --output ] || echo image >"$2"; shift; done
"""


def git(folder, *arguments):
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, timeout=120)


@pytest.fixture
def release(tmp_path):
    """A clone of the last commit whose deploy/build compiles nothing. `release(...)` runs its deploy/release."""

    class Release:
        tree = tmp_path / "tree"
        out = tree / "build" / "release" / VERSION
        called = tmp_path / "called"

        def __call__(self, *arguments, podman=False):
            shims = tmp_path / "shims"
            shims.mkdir(exist_ok=True)
            refuses = "#!/bin/sh\nexit 1\n"
            for name, text in {"cmake": CMAKE, "docker": refuses, "buildah": refuses,
                               "podman": PODMAN.replace("CALLED", str(self.called)) if podman else refuses}.items():
                (shims / name).write_text(text)
                (shims / name).chmod(0o755)
            return subprocess.run([self.tree / "deploy" / "release", *arguments], capture_output=True, text=True, timeout=300,
                                  check=False, env=os.environ | {"PATH": f"{shims}:{os.environ['PATH']}"})

        def names(self):
            return sorted(file.name for file in self.out.iterdir())

    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, Release.tree], check=True, timeout=120)
    (Release.tree / "deploy" / "build").write_text("#!/bin/sh\nexit 0\n")
    git(Release.tree, "commit", "-qam", "Compile nothing")
    return Release()


def wheel_of(release):
    [wheel] = release.out.glob("*.whl")
    return wheel


def test_everything_is_made_and_has_its_checksum(release):
    ran = release(VERSION, podman=True)
    assert ran.returncode == 0, ran.stderr
    sums, wheel, cpp, image = release.names()
    assert re.fullmatch(rf"cancelbus-cpp-{re.escape(VERSION)}-debian[\w.]*-\w+\.tar\.gz", cpp)
    assert re.fullmatch(rf"cancelbus-image-{re.escape(VERSION)}-\w+\.tar", image)
    assert (sums, wheel) == ("SHA256SUMS", f"cancelbus-{VERSION}-py3-none-any.whl")
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=release.out, capture_output=True, text=True, check=True)
    assert checked.stdout.count(": OK") == 3
    assert f"--tag localhost/cancelbus:{VERSION} " in release.called.read_text()


def test_the_wheel_works_and_holds_the_generated_messages(release, tmp_path):
    assert release(VERSION).returncode == 0
    with zipfile.ZipFile(wheel_of(release)) as wheel:
        wheel.extractall(tmp_path / "installed")
    program = "import cancelbus; from cancelbus.v1 import session_pb2; print(cancelbus.__version__, session_pb2.SessionRequest().ByteSize())"
    ran = subprocess.run(["/usr/bin/python3", "-c", program], capture_output=True, text=True, timeout=60, check=False,
                         env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"})
    assert ran.stdout == f"{VERSION} 0\n", ran.stderr
    assert (tmp_path / "installed" / "cancelbus" / "v1" / "session_pb2.pyi").exists()


def test_two_releases_of_one_commit_are_the_same_bytes(release):
    assert release(VERSION).returncode == 0
    first = (release.out / "SHA256SUMS").read_text()
    assert release(VERSION).returncode == 0
    assert (release.out / "SHA256SUMS").read_text() == first


def test_the_cpp_client_is_what_cmake_installs(release):
    assert release(VERSION).returncode == 0
    [archive] = release.out.glob("cancelbus-cpp-*")
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        header = tar.extractfile(f"cancelbus-cpp-{VERSION}/include/cancelbus/client.hpp").read().decode()
    assert f"cancelbus-cpp-{VERSION}/LICENSE" in names
    assert "--install build-release --component client --prefix" in header


def test_without_a_builder_the_image_is_left_out_and_that_is_said(release):
    ran = release(VERSION)
    assert ran.returncode == 0
    assert "none of docker, podman and buildah works here" in ran.stderr and "not made: the image" in ran.stderr
    assert not any("image" in name for name in release.names())
    assert "image" not in (release.out / "SHA256SUMS").read_text()


def test_a_builder_that_fails_fails_the_release(release):
    ran = release(VERSION, "--builder=podman", "--target=sandbox", podman=True)
    assert ran.returncode == 0, ran.stderr  # the flags are deploy/image's
    assert "--target sandbox " in release.called.read_text()
    shutil.rmtree(release.out)
    (release.tree / "deploy" / "image").write_text("#!/bin/sh\nexit 1\n")
    git(release.tree, "commit", "-qam", "An image that cannot be built")
    assert release(VERSION, podman=True).returncode == 1
    assert not release.out.exists()


@pytest.mark.parametrize("change", ["README.md", "new-file"])
def test_a_dirty_tree_is_refused(release, change):
    with (release.tree / change).open("a") as file:
        file.write("\n")
    ran = release(VERSION)
    assert ran.returncode == 2
    assert "the tree is not clean" in ran.stderr and change in ran.stderr
    assert not release.out.exists()


def test_another_version_than_the_projects_is_refused(release):
    ran = release("99.0.0")
    assert ran.returncode == 2
    assert "99.0.0" in ran.stderr and VERSION in ran.stderr
    unknown = release("--all")
    assert unknown.returncode == 2 and unknown.stderr.startswith("usage:")


def test_a_version_that_is_not_everywhere_is_refused(release):
    package = release.tree / "clients/python/cancelbus/__init__.py"
    package.write_text(package.read_text().replace(f'"{VERSION}"', '"99.0.0"'))
    git(release.tree, "commit", "-qam", "Another version")
    ran = release(VERSION)
    assert ran.returncode == 2
    assert "clients/python/cancelbus/__init__.py" in ran.stderr and "99.0.0" in ran.stderr


def test_it_is_told_how_to_use_it(release):
    ran = release("--help")
    assert ran.returncode == 0 and ran.stdout.startswith("usage: deploy/release VERSION")
