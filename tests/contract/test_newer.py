"""Messages of a newer contract read by this one, and back: every golden, with a new field in all its parts, with new values
in all its enums, and with a new member in its oneof."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")) / "python"), str(Path(__file__).parent)]

import newer  # noqa: E402
from cancelbus.v1 import backend_pb2, cancel_pb2, session_pb2  # noqa: E402

GOLDENS = sorted((Path(__file__).parent / "golden").glob("*.golden"))


def known(name):
    """This contract's message of this name."""
    outer, *nested = name.split(".")
    message = next(getattr(module, outer) for module in (cancel_pb2, session_pb2, backend_pb2) if hasattr(module, outer))
    for inner in nested:
        message = getattr(message, inner)
    return message


def read(path):
    """Name of its message, and its bytes."""
    comment, *lines = path.read_text().splitlines()
    name = comment.removeprefix(f"# {newer.PACKAGE}.").split(" ")[0]
    return name, bytes.fromhex("".join(line for line in lines[:lines.index("")] if not line.startswith("#")))


@pytest.fixture(params=GOLDENS, ids=[path.stem for path in GOLDENS])
def golden(request):
    return read(request.param)


def test_a_golden_is_written_as_it_was_released(golden):
    name, frame = golden
    assert known(name).FromString(frame).SerializeToString() == frame


def test_a_newer_contract_reads_what_this_one_says(golden):
    name, frame = golden
    message = newer.newer(name).FromString(frame)
    assert not message.UnknownFields() and message.SerializeToString() == frame


def test_new_fields_hide_nothing_and_survive(golden):
    name, frame = golden
    later = newer.said_later(name, frame)
    message = known(name).FromString(later)
    assert newer.newer(name).FromString(message.SerializeToString()) == newer.newer(name).FromString(later)
    message.DiscardUnknownFields()
    assert message == known(name).FromString(frame)


def with_new_values(message):
    """How many there are, in it and its parts."""
    count = 0
    for part in newer.parts(message):
        for field in part.DESCRIPTOR.fields:
            if field.enum_type is not None:
                setattr(part, field.name, newer.NUMBER)
                count += 1
    return count


def test_new_enum_values_survive():
    count = 0
    for name, frame in map(read, GOLDENS):
        later = newer.newer(name).FromString(frame)
        count += with_new_values(later)
        message = known(name).FromString(later.SerializeToString())
        assert newer.newer(name).FromString(message.SerializeToString()) == later
    assert count > 20


def test_a_new_member_of_a_oneof_is_none_that_is_known_and_survives():
    oneofs = 0
    for name, frame in map(read, GOLDENS):
        for oneof in known(name).DESCRIPTOR.oneofs:
            later = newer.newer(name).FromString(frame)
            setattr(later, f"later_{oneof.name}", "later")
            message = known(name).FromString(later.SerializeToString())
            assert message.WhichOneof(oneof.name) is None
            assert newer.newer(name).FromString(message.SerializeToString()) == later
            oneofs += 1
    assert oneofs > 20
