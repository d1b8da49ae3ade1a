#!/usr/bin/env python3
"""That figures are computed and shown as tests/bench/README.md says."""

import unittest

import summary


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
            summary.Row("calls", "full", "", 98.25))

    def test_columns_are_aligned(self):
        self.assertEqual(summary.table(self.rows).splitlines(), [
            "what     of          median    p99  unit  spread  ratio  p99 ratio  to",
            "latency  bare relay     400  1,500  µs       25%",
            "latency  memory:        612  3,100  µs       30%   1.53       2.07  bare relay",
            "calls    full          98.2"])

    def test_a_page_gets_the_same_cells(self):
        lines = summary.markdown(self.rows).splitlines()
        self.assertEqual(lines[3], "| latency | memory: | 612 | 3,100 | µs | 30% | 1.53 | 2.07 | bare relay |")
        self.assertEqual(len({line.count("|") for line in lines}), 1)

    def test_what_was_not_measured_is_not_in_the_json(self):
        self.assertEqual(self.rows[2].as_dict(), {"name": "calls", "subject": "full", "unit": "", "median": 98.25})


if __name__ == "__main__":
    unittest.main()
