#!/usr/bin/env python3
"""That no skipped test hides among those that pass, neither in what ctest says nor in what tests/run prints at its end."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parent

PROJECT = f"""\
cmake_minimum_required(VERSION 3.25)
project(made_up NONE)
enable_testing()
set(CANCELBUS_PYTHON {sys.executable})
set(CANCELBUS_FILE_SECONDS 120)
include({TESTS}/python_tests.cmake)
foreach(name integration.passes contract.skips_one deploy.skips_all integration.skips_a_file integration.fails_and_skips
    integration.holds_none)
  string(REGEX REPLACE "^.*\\\\." "" file ${{name}})
  add_python_tests(${{name}} ${{CMAKE_SOURCE_DIR}}/test_${{file}}.py)
endforeach()
add_test(NAME unit.skips COMMAND printf "[ RUN      ] A.B\\\\nunit_test.cpp:7: Skipped\\\\nno disk\\\\n\\\\n[  SKIPPED ] A.B (0 ms)\\\\n")
set_tests_properties(unit.skips PROPERTIES SKIP_REGULAR_EXPRESSION "\\\\[  SKIPPED \\\\]")
"""

PASSES = "def test_passes():\n    assert True\n"
SKIPS = "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_skips(n):\n    pytest.skip('no network')\n"
FILES = {
    "passes": PASSES,
    "skips_one": PASSES + SKIPS,
    "skips_all": "import pytest\npytestmark = pytest.mark.skipif(True, reason='no commit')\n" + PASSES,
    "skips_a_file": "import pytest\npytest.importorskip('no_such_module', reason='no module')\n" + PASSES,
    "fails_and_skips": SKIPS + "def test_fails():\n    assert False\n",
    "holds_none": "",
}


class SkipsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "source")
            source.mkdir()
            (source / "CMakeLists.txt").write_text(PROJECT)
            for name, text in FILES.items():
                (source / f"test_{name}.py").write_text(text)
            subprocess.run(["cmake", "-S", source, "-B", folder], check=True, stdout=subprocess.DEVNULL)
            shown = subprocess.run(["ctest", "--test-dir", folder], check=False, capture_output=True, text=True).stdout
            report = [sys.executable, TESTS / "skips.py", "report", Path(folder, "Testing", "Temporary", "LastTest.log")]
            cls.report = subprocess.run(report, check=True, capture_output=True, text=True).stdout
        cls.results = dict(re.findall(r"Test +#\d+: (\S+) \.+ *\**(\w+)", shown))

    def test_an_entry_is_passed_only_if_nothing_was_skipped(self):
        self.assertEqual(self.results, {
            "integration.passes": "Passed", "contract.skips_one": "Skipped", "deploy.skips_all": "Skipped",
            "integration.skips_a_file": "Skipped", "integration.fails_and_skips": "Failed", "integration.holds_none": "Failed",
            "unit.skips": "Skipped"})

    def test_every_reason_is_reported(self):
        lines = [re.sub(r"\S*/", "", line) for line in self.report.splitlines()]
        self.assertEqual(lines, [
            "Skipped tests: 7, and why:",
            "  [2] contract.skips_one: test_skips_one.py:6: no network",
            "  [1] deploy.skips_all: test_skips_all.py:3: no commit",
            "  [2] integration.fails_and_skips: test_fails_and_skips.py:4: no network",
            "  [1] integration.skips_a_file: test_skips_a_file.py:2: no module",
            "  [1] unit.skips: unit_test.cpp:7: no disk"])


if __name__ == "__main__":
    unittest.main()
