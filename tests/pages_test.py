#!/usr/bin/env python3
"""That the test of pages sees a fault, and takes what is right."""

import tempfile
import unittest
from pathlib import Path

import pages


class Pages(unittest.TestCase):
    def faults(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {pages.MAP: "", **files}.items():
                path = root / name.replace("__", "/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return list(pages.faults(root))

    def test_a_link_leads_to_a_file_and_to_a_heading(self):
        other = "# One page\n## What is promised, and `why`\n"
        self.assertEqual(self.faults(**{"a.md": "[b](b.md#what-is-promised-and-why) [c](#here)\n# Here\n", "b.md": other}), [])
        self.assertEqual(self.faults(**{"a.md": "\n[b](c.md)\n"}), ["a.md:2: c.md: there is no such file"])
        self.assertEqual(self.faults(**{"a.md": "[b](b.md#what)\n", "b.md": other}),
                         ["a.md:1: b.md#what: the page has no such heading"])
        self.assertEqual(self.faults(**{"a.md": "[b](#what)\n"}), ["a.md:1: #what: the page has no such heading"])

    def test_headings_of_the_same_text_are_numbered(self):
        self.assertEqual(self.faults(**{"a.md": "[b](#two-1)\n# Two\n# Two\n"}), [])
        self.assertEqual(len(self.faults(**{"a.md": "[b](#two-2)\n# Two\n# Two\n"})), 1)

    def test_addresses_and_examples_are_not_looked_at(self):
        self.assertEqual(self.faults(**{"a.md": "[b](https://example.com/x#y)\n\n    [c](d.md)\n\n```\n[e](f.md)\n```\n"}), [])

    def test_each_row_of_a_cancels_life_names_transcripts_that_exist(self):
        table = f"{pages.LIFE}\n\n| what | scenario |\n|---|---|\n| 200 | `answers` |\n\n## Limiter\n\n| a | b |\n"
        self.assertEqual(self.faults(**{pages.DESIGN: table, "tests/scenario/answers.txt": ""}), [])
        self.assertEqual(self.faults(**{pages.DESIGN: table}), [f"{pages.DESIGN}:5: there is no tests/scenario/answers.txt"])
        self.assertEqual(self.faults(**{pages.DESIGN: table.replace("`answers`", "")}), [f"{pages.DESIGN}:5: names no scenario"])

    def test_words_with_a_plain_one_are_named(self):
        self.assertEqual(self.faults(**{"a.md": "It is kept\nFor ever.\n"}),
                         ["a.md:2: for ever: write something plain (always)"])
        self.assertEqual(self.faults(**{"a.md": "`cancelbus_workers_unavailable`, amended\n"}), [])

    def test_the_map_names_every_file_of_the_service(self):
        files = {"service/core/order.hpp": "", "service/core/order.cpp": "", "service/bus/main.cpp": ""}
        self.assertEqual(self.faults(**{**files, pages.MAP: "| `order` | `main.cpp` |\n"}), [])
        self.assertEqual(self.faults(**{**files, pages.MAP: "| an order | `main.cpp` |\n"}),
                         [f"{pages.MAP}:1: does not name core/order.cpp", f"{pages.MAP}:1: does not name core/order.hpp"])

    def test_a_function_that_the_map_names_is_in_the_file_before_it(self):
        files = {"service/core/order.cpp": "void Order::fact(int) {}\n"}
        self.assertEqual(self.faults(**{**files, pages.MAP: "| facts | `core/order.cpp`, `fact()` |\n"}), [])
        self.assertEqual(self.faults(**{**files, pages.MAP: "| reads | `core/order.cpp`, `read()` |\n"}),
                         [f"{pages.MAP}:1: service/core/order.cpp has no read()"])
        self.assertEqual(self.faults(**{**files, pages.MAP: "| reads | `core/order.cpp`, `core/reads.cpp` |\n"}),
                         [f"{pages.MAP}:1: there is no core/reads.cpp"])


if __name__ == "__main__":
    unittest.main()
