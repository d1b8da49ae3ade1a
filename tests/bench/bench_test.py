#!/usr/bin/env python3
"""That figures are computed and shown as tests/bench/README.md says."""

import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "deploy" / "local")]

import counts  # noqa: E402
import latency  # noqa: E402
import plot  # noqa: E402
import summary  # noqa: E402
import throughput  # noqa: E402


class Figures(unittest.TestCase):
    def test_a_percentile_is_one_of_the_values(self):
        values = list(range(1, 101))
        self.assertEqual(summary.percentile(values, 99), 99)
        self.assertEqual(summary.percentile(values, 50), 50)
        self.assertEqual(summary.percentile([7], 99), 7)
        self.assertEqual(summary.percentile([3, 1, 2], 100), 3)
        with self.assertRaises(ValueError):
            summary.percentile([], 50)

    def test_the_spread_is_relative_to_the_median(self):
        self.assertEqual(summary.spread([90, 100, 120]), 0.3)
        self.assertEqual(summary.spread([5]), 0)
        self.assertEqual(summary.spread([0, 0]), 0)

    def test_the_ratio_is_the_median_of_the_rounds_ratios(self):
        # The machine was ten times slower in the second round, for both.
        row = summary.row_of_rounds("to DELETE", "memory:", "µs", [[20, 20], [200, 220], [20, 26]], against="bare",
                                    baseline=[[10], [100], [10]])
        self.assertEqual(row.ratio, 2.1)
        self.assertEqual(row.median, 23)
        self.assertEqual(row.p99, 220)
        self.assertEqual(row.p99_ratio, 2.2)
        self.assertEqual(row.count, 6)

    def test_every_round_needs_its_baseline(self):
        with self.assertRaises(ValueError):
            summary.row_of_rounds("a", "b", "µs", [[1], [2]], against="c", baseline=[[1]])


class Table(unittest.TestCase):
    rows = (summary.Row("latency", "bare relay", "µs", 400.4, p99=1500.0, spread=0.25),
            summary.Row("latency", "memory:", "µs", 612.0, p99=3100.0, spread=0.3, ratio=1.53, p99_ratio=2.07,
                        against="bare relay"),
            summary.Row("cancels", "GCRA", "cancels", 98.25, refused=3))

    def test_columns_are_aligned(self):
        self.assertEqual(summary.table(self.rows).splitlines(), [
            "what     of          median    p99  unit     429s  spread  ratio  p99 ratio  to",
            "latency  bare relay     400  1,500  µs                25%",
            "latency  memory:        612  3,100  µs                30%   1.53       2.07  bare relay",
            "cancels  GCRA          98.2         cancels     3"])

    def test_a_page_gets_the_same_cells(self):
        lines = summary.markdown(self.rows).splitlines()
        self.assertEqual(lines[3], "| latency | memory: | 612 | 3,100 | µs |  | 30% | 1.53 | 2.07 | bare relay |")
        self.assertEqual(len({line.count("|") for line in lines}), 1)

    def test_a_page_says_under_what_conditions(self):
        page = summary.page({"date": "2026-01-02", "cores": 2}, self.rows, ["not measured: ccxt: no npm"])
        for part in ("date 2026-01-02, cores 2.", summary.markdown(self.rows), "(throughput.svg)", "not measured: ccxt"):
            self.assertIn(part, page)

    def test_what_was_not_measured_is_not_in_the_json(self):
        self.assertEqual(self.rows[2].as_dict(), {"name": "cancels", "subject": "GCRA", "unit": "cancels", "median": 98.25, "refused": 3})


class Plot(unittest.TestCase):
    axes = (plot.Axis("seconds", 0, 10, ticks=(0, 5, 10), labels=("0", "half", "all")), plot.Axis("µs & more", 100, 10_000, logarithmic=True,
                                                                    ticks=(100, 1_000)))
    lines = [plot.Line("a", [(0, 100), (10, 10_000)], "700, 0 × 429"), plot.Line("b < c", [(5, 1_000)], dashed=True)]

    def test_it_is_xml_and_the_same_each_time(self):
        text = plot.svg("Cancels", *self.axes, self.lines)
        self.assertEqual(text, plot.svg("Cancels", *self.axes, self.lines))
        names = [element.text for element in xml.etree.ElementTree.fromstring(text).iter()
                 if element.tag.endswith("text")]
        for name in ("Cancels", "µs & more", "b < c", "half", "700, 0 × 429", "1,000"):
            self.assertIn(name, names)

    def test_points_are_where_the_axes_say(self):
        text = plot.svg("Cancels", *self.axes, self.lines)
        left, right = plot.LEFT, plot.WIDTH - plot.RIGHT
        top, bottom = plot.TOP, plot.HEIGHT - plot.BOTTOM
        self.assertIn(f'points="{left}.0,{bottom}.0 {right}.0,{top}.0"', text)
        self.assertIn(f'points="{(left + right) / 2:.1f},{(top + bottom) / 2:.1f}"', text)

    def test_a_staircase_counts_what_had_happened(self):
        self.assertEqual(plot.steps([1, 3], 4), [(0, 0), (1, 0), (1, 1), (3, 1), (3, 2), (4, 2)])

    def test_each_further_nine_has_the_same_width(self):
        line = plot.percentiles("a", list(range(2000, 0, -1)))
        self.assertEqual(line.points[0], (0, 1))
        for index, at in {1800: 1, 1980: 2, 1998: 3}.items():
            self.assertAlmostEqual(line.points[index][0], at)
            self.assertEqual(line.points[index][1], index + 1)


class Rules(unittest.TestCase):
    def test_what_the_limits_allow(self):
        # Ten at once, the next after a second; the 300th after 29 s, the 301st after 60.
        for seconds, most in {0.5: 10, 1: 10, 1.5: 20, 29: 290, 29.5: 300, 60: 300, 60.5: 310, 130: 700, 150: 900}.items():
            self.assertEqual(throughput.allowed(seconds), most, seconds)

    def test_only_what_grew_by_more_than_a_tenth_is_dearer(self):
        figures = {name: {"instructions": cost} for name, cost in {"bus": 111, "worker": 110, "subscriber": 50}.items()}
        dearer = counts.growth(figures, dict.fromkeys(figures, 100))
        self.assertEqual(dearer, ["bus: 111 instructions per cancel, +11.0% from 100"])

    def test_an_append_writes_and_syncs_so_many_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            append = latency.Append(f"{folder}/file", 100)
            self.assertEqual(len(append.microseconds(3)), 3)
            with open(f"{folder}/file", "rb") as file:
                self.assertEqual(len(file.read()), 300)


if __name__ == "__main__":
    unittest.main()
