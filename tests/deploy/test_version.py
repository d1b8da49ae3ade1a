"""The version is stated once, and whatever repeats it agrees: deploy/version checks that and sets it."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = ["CMakeLists.txt", "clients/python/cancelbus/__init__.py", "deploy/kubernetes/overlays/production/kustomization.yaml"]


def version(*arguments, root=ROOT):
    return subprocess.run([root / "deploy" / "version", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def copy(tmp_path):
    """The files that know the version, to be broken."""
    for name in [*PLACES, "CHANGELOG.md", "deploy/version"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_it_is_that_of_cmake_and_everything_agrees():
    told = version().stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", told)
    assert f"project(cancelbus VERSION {told.strip()} " in (ROOT / "CMakeLists.txt").read_text()
    checked = version("--check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_no_other_file_repeats_it():
    """Or it belongs into the list of deploy/version."""
    told = version().stdout.strip()
    listed = {*PLACES, "CHANGELOG.md"}
    for file in [*ROOT.glob("*.txt"), *ROOT.glob("clients/**/*"), *ROOT.glob("deploy/**/*")]:
        if file.is_file() and file.suffix in {".txt", ".py", ".toml", ".yaml", ".cmake", ".cpp", ".hpp"} and "build" not in file.parts:
            repeats = re.search(rf"(?<![\d.]){re.escape(told)}(?![\d.])", file.read_text())
            assert not repeats or str(file.relative_to(ROOT)) in listed, file


@pytest.mark.parametrize("name", [*PLACES[1:], "CHANGELOG.md"])
def test_a_file_that_says_another_is_named(copy, name):
    file = copy / name
    file.write_text(file.read_text().replace(version().stdout.strip(), "99.0.0"))
    checked = version("--check", root=copy)
    assert checked.returncode == 1
    assert checked.stderr.startswith(name) and "99.0.0" in checked.stderr


def test_it_is_set_everywhere_but_in_the_changelog(copy):
    assert "CHANGELOG.md" in version("1.20.3", root=copy).stdout
    assert version(root=copy).stdout == "1.20.3\n"
    checked = version("--check", root=copy)
    assert checked.stderr.count("\n") == 1 and checked.stderr.startswith("CHANGELOG.md")
    changelog = copy / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## ", "## 1.20.3 (not released yet)\n\n## ", 1))
    assert version("--check", root=copy).returncode == 0


@pytest.mark.parametrize("wanted", ["1.2", "v1.2.3", "1.2.3-rc1", "", "--chekc"])
def test_what_is_no_version_is_refused(copy, wanted):
    before = version(root=copy).stdout
    if wanted:
        assert version(wanted, root=copy).returncode == 2
    else:
        assert version("1.2.3", "1.2.4", root=copy).returncode == 2
    assert version(root=copy).stdout == before


def test_the_python_package_has_it():
    """As pip reads it, without the generated messages."""
    project = (ROOT / "clients/python/pyproject.toml").read_text()
    assert 'version = {attr = "cancelbus.__version__"}' in project
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("python3-setuptools is not installed")
    from setuptools.config import expand  # noqa: PLC0415
    assert expand.read_attr("cancelbus.__version__", root_dir=ROOT / "clients/python") == version().stdout.strip()
