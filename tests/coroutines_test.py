#!/usr/bin/env python3
"""That the coroutine test sees what g++ 12 gets wrong, and takes what it gets right."""

import tempfile
import unittest
from pathlib import Path

import coroutines


class Coroutines(unittest.TestCase):
    def assert_found(self, code, line, what):
        self.assertEqual(list(coroutines.violations_in(code)), [(line, what)])

    def assert_allowed(self, code):
        self.assertEqual(list(coroutines.violations_in(code)), [])

    def test_a_condition(self):
        self.assert_found("void f();\nif (co_await g()) h();", 2, "co_await in a condition")
        self.assert_found("while (!(co_await g(1, 2))) h();", 1, "co_await in a condition")
        self.assert_found("if (const bool good = co_await g(); good) h();", 1, "co_await in a condition")

    def test_a_condition_about_a_named_result(self):
        self.assert_allowed("const bool good = co_await g();\nif (good) co_await h();")
        self.assert_allowed("while (open) co_await news.async_wait(token(ec));")
        self.assert_allowed("if (good) good = co_await self->secure();")

    def test_a_braced_temporary(self):
        self.assert_found("co_await g({1, 2});", 1, "a braced temporary in a co_await expression")
        self.assert_found("auto a = co_await g(one,\n    Request{1});", 2, "a braced temporary in a co_await expression")
        self.assert_found("co_await g(one, {});", 1, "a braced temporary in a co_await expression")
        self.assert_found("co_await Timer{1}.wait();", 1, "a braced temporary in a co_await expression")

    def test_parentheses_names_and_lambdas(self):
        self.assert_allowed("co_await g(Request(1), two);")
        self.assert_allowed("co_await g([&] { return Request{1}; });")
        self.assert_allowed("co_await g([](int a) mutable { if (a) { h({1}); } }, two);")
        self.assert_allowed("co_await g(); h({1});")
        self.assert_allowed("auto run() { co_await g(); } struct A { int a{1}; };")

    def test_comments_and_strings(self):
        self.assert_allowed('// if (co_await g())\nconst char* s = "co_await g({1});";')

    def test_files_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "service/io/a.cpp"
            path.parent.mkdir(parents=True)
            path.write_text("\nco_await g({1});\n")
            self.assertEqual(coroutines.violations(Path(folder)),
                             ["service/io/a.cpp:2: a braced temporary in a co_await expression"])


if __name__ == "__main__":
    unittest.main()
