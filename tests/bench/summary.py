"""What many measurements come to: percentiles, how far apart runs lie, ratios, and the table of all rows."""

import math
import statistics
from dataclasses import asdict, dataclass


def percentile(values, percent):
    """The smallest of the values that at least so many percent of them do not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(values):
    """How far apart they lie: (largest - smallest) / median. 0 for one value."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / abs(middle) if middle else 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is to what `against` names, of the same run; both None without a baseline."""
    name: str
    subject: str
    unit: str
    median: float
    p99: float | None = None
    spread: float | None = None
    ratio: float | None = None
    p99_ratio: float | None = None
    against: str | None = None
    count: int | None = None  # measurements
    refused: float | None = None  # requests that got a 429

    def as_dict(self):
        return {key: value for key, value in asdict(self).items() if value is not None}


def row_of_rounds(name, subject, unit, rounds, against=None, baseline=None):
    """A row of measurements that were made in rounds, interleaved with those of the baseline. The ratio is the median of
    the rounds' ratios, so that a slow stretch of the machine, which both met, does not count."""
    everything = [value for values in rounds for value in values]
    medians = [statistics.median(values) for values in rounds]
    row = {"median": statistics.median(everything), "p99": percentile(everything, 99), "spread": spread(medians),
           "count": len(everything)}
    if baseline is not None:
        others = [statistics.median(values) for values in baseline]
        row["ratio"] = statistics.median(mine / other for mine, other in zip(medians, others, strict=True))
        row["p99_ratio"] = row["p99"] / percentile([value for values in baseline for value in values], 99)
    return Row(name, subject, unit, against=against, **row)


def number(value):
    """With three digits, or all of them if there are more or it is whole."""
    if value is None:
        return ""
    if value == round(value):
        return f"{value:,.0f}"
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


HEAD = ("what", "of", "median", "p99", "unit", "429s", "spread", "ratio", "p99 ratio", "to")
LEFT = {0, 1, 4, 9}  # columns


def cells(row):
    return (row.name, row.subject, number(row.median), number(row.p99), row.unit, number(row.refused),
            "" if row.spread is None else f"{row.spread:.0%}", number(row.ratio), number(row.p99_ratio), row.against or "")


def table(rows):
    """As text, with aligned columns."""
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) if column in LEFT else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths))).rstrip() for line in lines)


def markdown(rows):
    """The same for a page."""
    def line(columns):
        return "| " + " | ".join(columns) + " |"

    aligned = ["---" if column in LEFT else "---:" for column in range(len(HEAD))]
    return "\n".join([line(HEAD), "|" + "|".join(aligned) + "|", *(line(cells(row)) for row in rows)])


def page(about, rows, remarks=()):
    """A page with all rows, and under what conditions they were measured."""
    conditions = ", ".join(f"{name} {value}" for name, value in about.items())
    return "\n\n".join(["# Results of tests/bench/run", f"Measured: {conditions}.",
                        "[README.md](README.md) says what each row means, and what it cannot show.",
                        "![Cancels accepted by time](throughput.svg)", "![Latency by percentile](latency.svg)",
                        markdown(rows), *remarks]) + "\n"
