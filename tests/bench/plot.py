"""Plots as SVG: lines over two linear or logarithmic axes, with a legend. Written so that they are legible on a light and a
dark page, and the same bytes for the same figures."""

import html
import math
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 176, 44, 48
COLORS = ("#1f77b4", "#d62728", "#e08a00", "#7f56c2", "#2ca02c")
INK, GRID = "#808080", "#80808040"


@dataclass(frozen=True)
class Line:
    name: str
    points: list  # (x, y), by x
    note: str = ""      # below the name
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    label: str
    low: float
    high: float
    logarithmic: bool = False
    ticks: tuple = ()
    labels: tuple = ()  # of the ticks, if not their numbers

    def place(self, value):
        """0 at the low end, 1 at the high one."""
        if self.logarithmic:
            return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def steps(times, until):
    """How many had happened by each moment, as the corners of a staircase that ends at `until`."""
    points = [(0, 0)]
    for count, at in enumerate(times, 1):
        points += [(at, count - 1), (at, count)]
    return [*points, (until, len(times))]


def shown(value):
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"


def svg(title, x, y, lines):
    def at(point):
        return (f"{LEFT + x.place(point[0]) * (WIDTH - LEFT - RIGHT):.1f},"
                f"{HEIGHT - BOTTOM - y.place(point[1]) * (HEIGHT - TOP - BOTTOM):.1f}")

    def text(left, top, words, anchor="start", size=12, color=INK, extra=""):
        return (f'<text x="{left:.1f}" y="{top:.1f}" fill="{color}" font-size="{size}" text-anchor="{anchor}"{extra}>'
                f"{html.escape(words)}</text>")

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">',
           f"<title>{html.escape(title)}</title>", text(LEFT, 22, title, size=15)]
    for tick, label in zip(x.ticks, x.labels or map(shown, x.ticks)):
        left, bottom = map(float, at((tick, y.low)).split(","))
        out += [f'<path d="M{left:.1f} {TOP}V{bottom:.1f}" stroke="{GRID}"/>', text(left, bottom + 16, label, "middle")]
    for tick, label in zip(y.ticks, y.labels or map(shown, y.ticks)):
        left, top = map(float, at((x.low, tick)).split(","))
        out += [f'<path d="M{left:.1f} {top:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>', text(left - 6, top + 4, label, "end")]
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x.label, "middle"),
            text(14, middle, y.label, "middle", extra=f' transform="rotate(-90 14 {middle:.1f})"')]
    legend = TOP + 8.0
    colors = iter(COLORS)
    for line in lines:
        color = INK if line.dashed else next(colors)
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        out += [f'<polyline points="{" ".join(map(at, line.points))}" fill="none" stroke="{color}" stroke-width="2"{dash}/>',
                f'<path d="M{WIDTH - RIGHT + 10} {legend - 4:.1f}h18" stroke="{color}" stroke-width="2"{dash}/>',
                text(WIDTH - RIGHT + 34, legend, line.name)]
        if line.note:
            legend += 15
            out.append(text(WIDTH - RIGHT + 34, legend, line.note, size=11))
        legend += 22
    return "\n".join([*out, "</svg>", ""])


def nines(share):
    """Where a share below 1 is on an axis on which each further nine has the same width: 0.9 is 1, 0.99 is 2."""
    return -math.log10(1 - share)


def percentiles(name, values, dashed=False):
    """A line of latency by percentile, over nines()."""
    ordered = sorted(values)
    return Line(name, [(nines(index / len(ordered)), value) for index, value in enumerate(ordered)], dashed=dashed)
