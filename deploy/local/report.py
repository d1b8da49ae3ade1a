"""From the lines of `cancelctl --json` to the demo's table."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

COLUMNS = ("waiting for budget", "cancelbus", "exchange", "total")


@dataclass
class Strategy:
    """What one strategy's cancelctl has printed so far."""
    name: str
    sent: int
    acks: dict = field(default_factory=dict)  # by cl_ord_id
    finals: dict = field(default_factory=dict)

    def read(self, text):
        for line in text.splitlines(keepends=True):
            if line.endswith("\n"):
                self._take(json.loads(line))

    def _take(self, record):
        for key, kept in (("cancel_ack", self.acks), ("cancel_final", self.finals)):
            if key in record:
                kept[record[key]["cl_ord_id"]] = record


def seconds(text):
    """Of an RFC 3339 timestamp in UTC."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def shares(record):
    """Where the time of one cancel went, in seconds, in the order of COLUMNS. Only the whole is measured by one clock
    at both ends; `cancelbus` is what neither the budget nor the exchange took."""
    timeline = {name: seconds(value) for name, value in record["cancel_final"]["timeline"].items()
                if name in ("received", "dispatched", "sent", "answered", "finalized")}
    total = seconds(record["heard"]) - seconds(record["submitted"])
    waiting = timeline["dispatched"] - timeline["received"]
    exchange = max(timeline["answered"], timeline["finalized"]) - timeline["sent"]
    return waiting, total - waiting - exchange, exchange, total


def percentile(values, percent):
    """The nearest rank: a value that was measured."""
    ordered = sorted(values)
    return ordered[max(1, ceil(percent / 100 * len(ordered))) - 1]


def as_time(value):
    if value >= 1:
        return f"{value:.1f} s"
    return f"{value * 1000:.1f} ms"


def table(strategies):
    rows = [("", "sent", "acked", "final", *COLUMNS), ("", "", "", "", *["p50 / p99"] * len(COLUMNS))]
    for strategy in strategies:
        columns = list(zip(*map(shares, strategy.finals.values())))
        cells = [f"{as_time(percentile(column, 50))} / {as_time(percentile(column, 99))}" for column in columns]
        rows.append((strategy.name, str(strategy.sent), str(len(strategy.acks)), str(len(strategy.finals)),
                     *(cells or ["-"] * len(COLUMNS))))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) if index == 0 else cell.rjust(width)
                               for index, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


EXPLANATION = """\
waiting for budget: received by the bus until given to a worker, the account's limit being 10 in 1 s, 300 in 60 s
exchange: request written until answered and proven by the private stream; cancelbus: all the rest of the way
total: strategy to bus to exchange and back to the strategy, until its CancelFinal"""
