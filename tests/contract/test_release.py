"""What releases additions to the contract (tests/contract/release, contract_release): it keeps what was released, and says
what to do. Each test works on a copy; what proto/ says is compiled in, so it is the released set that is changed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build"))


class Copy:
    """The files that a release reads and writes."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "tests/contract"
        shutil.copytree(ROOT / "tests/contract/golden", self.folder / "golden")
        shutil.copy(ROOT / "tests/contract/cancelbus_v1.binpb", self.folder)
        shutil.copy(ROOT / "tests/contract/release", self.folder)
        (root / "proto").mkdir()
        shutil.copy(ROOT / "proto/README.md", root / "proto")

    def change_released(self, file, message, change):
        path = self.folder / "cancelbus_v1.binpb"
        released = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
        [of] = [m for f in released.file if f.name == f"cancelbus/v1/{file}" for m in f.message_type if m.name == message]
        change(of)
        path.write_bytes(released.SerializeToString())

    def release(self):
        return run(BUILD / "bin/contract_release", self.folder, self.root / "proto/README.md")

    def compare(self):
        return run(BUILD / "bin/contract_release", "--check", self.folder)

    def check(self):
        return run(self.folder / "release", "--check")

    def content(self):
        return {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def field(message, name):
    [found] = [field for field in message.field if field.name == name]
    return found


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_the_released_goldens_are_what_they_were():
    checked = run(ROOT / "tests/contract/release", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_nothing_is_written_when_nothing_was_gained(copy):
    before = copy.content()
    released = copy.release()
    assert (released.returncode, released.stdout) == (0, "0 additions released\n"), released.stderr
    assert copy.content() == before


def change_byte(golden):
    path = golden / "CancelAck.golden"
    path.write_text(path.read_text().replace("0a", "0b", 1))


@pytest.mark.parametrize("tamper, says", [
    (change_byte, "git checkout"),
    (lambda golden: (golden / "Ready.golden").unlink(), "git checkout"),
    (lambda golden: shutil.copy(golden / "Ready.golden", golden / "Ready.99.golden"), "Ready.99.golden"),
], ids=["changed", "removed", "made by hand"])
def test_a_golden_cannot_be(copy, tamper, says):
    assert copy.check().returncode == 0
    tamper(copy.folder / "golden")
    checked = copy.check()
    assert checked.returncode == 1 and says in checked.stderr, checked.stderr


TYPE = descriptor_pb2.FieldDescriptorProto.TYPE_INT64
BREAKS = {
    "type": (lambda ack: setattr(field(ack, "http_status"), "type", TYPE), "http_status: type was TYPE_INT64, is TYPE_INT32"),
    "number": (lambda ack: setattr(field(ack, "http_status"), "number", 70), "http_status: number was 70, is 7"),
    "name": (lambda ack: setattr(field(ack, "http_status"), "name", "http"), "http: name was http, is http_status"),
    "removed": (lambda ack: ack.field.add(name="latency", number=70, type=TYPE, label=1), "latency: was removed"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_contract_is_not_released(copy, what):
    change, says = BREAKS[what]
    copy.change_released("cancel.proto", "CancelAck", change)
    before = copy.content()
    released = copy.release()
    assert released.returncode == 1
    assert f"cancelbus.v1.CancelAck.{says}\n" in released.stderr
    assert "Put it back." in released.stderr and "Nothing was written." in released.stderr
    assert copy.content() == before
    checked = copy.compare()
    assert (checked.returncode, checked.stderr) == (1, released.stderr.removesuffix("Nothing was written.\n"))


def test_a_check_of_additions_writes_nothing(copy):
    copy.change_released("backend.proto", "Ready", lambda ready: ready.field.remove(field(ready, "key_series")))
    before = copy.content()
    checked = copy.compare()
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert copy.content() == before


def test_a_new_field_makes_one_more_golden_of_each_message_that_holds_it(copy):
    now = copy.content()
    name = "seen"  # of those that were released last
    copy.change_released("backend.proto", "Ready", lambda ready: ready.field.remove(field(ready, name)))
    goldens = ["Ready.6.golden", "BackendRequest.ready.7.golden"]
    for golden in goldens:
        (copy.folder / "golden" / golden).unlink()
    released = copy.release()
    assert released.returncode == 0, released.stderr
    assert released.stdout.splitlines() == [f"cancelbus.v1.Ready.{name}: is new",
                                            *(f"golden/{golden}: is new" for golden in goldens), "1 additions released"]
    assert copy.content() == now
