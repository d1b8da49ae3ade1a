"""The transcripts of session/ as values, and the comparison of their JSON with messages. Used by the runners in Python;
the grammar stands in session/README.md."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.json_format import MessageToDict

FOLDER = Path(__file__).resolve().parent / "session"
STEP_MS = 500
CONNECTED_AT = '''sends {"hello":{"sender_comp_id":"desk-a","topics":["venue."]}}
hears {"welcome":{"epoch":"7","position":[{"topic":"client.desk-a.","next_seq":"%s"}]}}
sees connected {"epoch":"7"}'''


@dataclass
class Line:
    where: str  # FILE:LINE
    word: str  # as "sends"
    rest: str


@dataclass
class Transcript:
    title: str
    bus: bool  # can be played against a bus
    lines: list = field(default_factory=list)


def read(path):
    transcripts = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("== "):
            title = text[3:].removesuffix(" [bus]")
            transcripts.append(Transcript(title, text.endswith(" [bus]")))
            continue
        beginning = re.fullmatch(r"connected at (\d+)", text)
        for line in (CONNECTED_AT % beginning.group(1)).splitlines() if beginning else [text]:
            word, _, rest = line.partition(" ")
            transcripts[-1].lines.append(Line(f"{path.name}:{number}", word, rest))
    return transcripts


def all_transcripts():
    return [transcript for path in sorted(FOLDER.glob("*.txt")) for transcript in read(path)]


def milliseconds(text):
    """Of "10s" or "250ms"."""
    number, unit = re.fullmatch(r"(\d+)(ms|s)", text).groups()
    return int(number) * (1000 if unit == "s" else 1)


def as_json(message):
    """All fields, with their names and values as in the transcripts."""
    return MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)


def covers(expected, actual):
    """Whether all that is expected is there."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(covers(value, actual.get(name)) for name, value in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and all(any(covers(one, other) for other in actual) for one in expected)
    return expected == actual
