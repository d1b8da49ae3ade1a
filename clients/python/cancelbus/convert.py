"""Between the contract's messages, Python's own types and JSON: times, durations, decimals."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Mapping, Optional

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from .enums import OpenEnum

# Digits before or after the point. The exchange's have under 20; more than these are not written out.
MOST_DIGITS = 64
# Numbers of 64 bits, which JSON has as strings.
_LONG = ("order_id", "store_bytes", "bus_start", "task_id", "stamp", "term")
_DECIMALS = ("price", "quantity", "order_qty", "leaves_qty", "cum_qty")


class AsDict:
    """A value that can be shown as JSON."""
    contract_names: ClassVar[Mapping[str, str]] = {}  # of fields that have another name here

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: what `cancelctl --json` prints of it, with the contract's names. 64-bit numbers are strings, enums
        their full names, times RFC 3339; a time that is not known is absent."""
        fields: dict[str, Any] = as_json(self)
        return fields


def message_field() -> Any:
    """Of a value: the message that it was made from."""
    return dataclasses.field(default=None, repr=False, compare=False)


def time_of(message: Any, name: str) -> Optional[datetime]:
    if not message.HasField(name):
        return None
    timestamp: Timestamp = getattr(message, name)
    return datetime.fromtimestamp(timestamp.seconds, timezone.utc) + timedelta(microseconds=timestamp.nanos // 1_000)


def span_of(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1_000)


def optional_span_of(message: Any, name: str) -> Optional[timedelta]:
    return span_of(getattr(message, name)) if message.HasField(name) else None


def decimal_of(text: str) -> Optional[Decimal]:
    """Exactly that number, without an exponent and without zeros at its end; None if it is empty: not known."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    if abs(value.adjusted()) > MOST_DIGITS:
        return value
    plain = format(value, "f")
    return Decimal(plain.rstrip("0").rstrip(".") if "." in plain else plain) if value else Decimal(0)


def _time_as_json(time: datetime) -> str:
    """RFC 3339 in UTC with 0, 3 or 6 digits after the second."""
    utc = time.astimezone(timezone.utc)
    precision = "seconds" if utc.microsecond == 0 else "milliseconds" if utc.microsecond % 1_000 == 0 else "microseconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def _span_as_json(span: timedelta) -> str:
    """Seconds with 0, 3 or 6 digits after the point."""
    seconds, micros = divmod(abs(span) // timedelta(microseconds=1), 1_000_000)
    fraction = "" if micros == 0 else f".{micros // 1_000:03}" if micros % 1_000 == 0 else f".{micros:06}"
    return f"{'-' if span < timedelta(0) else ''}{seconds}{fraction}s"


def as_json(value: Any) -> Any:
    """As protobuf's JSON has it: a value as a dict of its fields, a tuple as a list, an enum by its full name, a time as
    RFC 3339, a decimal as a string. Of a field that is None a decimal is "", and anything else is left out."""
    if isinstance(value, OpenEnum):
        return value.contract_name()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return _time_as_json(value)
    if isinstance(value, timedelta):
        return _span_as_json(value)
    if isinstance(value, tuple):
        return [as_json(one) for one in value]
    if not dataclasses.is_dataclass(value):
        return value
    contract_names = value.contract_names if isinstance(value, AsDict) else {}
    fields = {}
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if field.name == "message":
            continue
        name = contract_names.get(field.name, field.name)
        if content is not None:
            fields[name] = str(content) if field.name in _LONG else as_json(content)
        elif field.name in _DECIMALS:
            fields[name] = ""
    return fields
