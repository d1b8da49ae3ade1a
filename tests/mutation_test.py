#!/usr/bin/env python3
"""That tests/mutate counts as noticed only what is."""

import tempfile
import unittest
from pathlib import Path

from mutation import (DIES, HANGS, TIMEOUT, Failed, Finding, Mutation, page, page_faults, read_page, read_simulation, read_tests,
                      row, why_not_caught)

RUN = """\
[ RUN      ] Limiter.Counts
[       OK ] Limiter.Counts (0 ms)
[ RUN      ] Limiter.Waits
"""
FAILS = RUN + """\
limiter_test.cpp:7: Failure
[  FAILED  ] Limiter.Waits (0 ms)
[==========] 2 tests from 1 test suite ran. (3 ms total)
[  PASSED  ] 1 test.
[  FAILED  ] 1 test, listed below:
[  FAILED  ] Limiter.Waits
"""
DIFF = "--- a/service/core/order.cpp\n+++ b/service/core/order.cpp\n"


def mutation(head="Something is broken\n", diff=DIFF):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "name.diff")
        path.write_text(head + diff)
        return Mutation.read(path)


class Reading(unittest.TestCase):
    def test_a_patch_says_what_it_breaks_and_what_is_special(self):
        read = mutation("The limiter forgets\nsimulation: it has no disk\ndies: an index is broken\n")
        self.assertEqual((read.breaks, read.file), ("The limiter forgets", "service/core/order.cpp"))
        self.assertEqual(read.notes, {"simulation": "it has no disk", "dies": "an index is broken"})
        self.assertEqual(read.tests(), ("core_tests", "scenario_tests"))

    def test_a_patch_that_says_nothing_or_something_unknown_is_refused(self):
        for head, diff in (("", DIFF), ("It breaks\ncrashes: often\n", DIFF), ("It breaks\n", ""),
                           ("It breaks\n", DIFF.replace("service/core", "deploy"))):
            with self.assertRaises(Failed):
                mutation(head, diff)

    def test_passed(self):
        self.assertEqual(read_tests("core_tests", 0, RUN + "[==========] 2 tests from 1 test suite ran. (3 ms total)\n"),
                         Finding())
        self.assertEqual(read_simulation(0, "2000 runs, 0 with a broken promise\n"), Finding())

    def test_failed(self):
        self.assertEqual(read_tests("core_tests", 1, FAILS), Finding(("Limiter.Waits",)))
        self.assertEqual(read_simulation(1, "seed 12  3.5  promise 3: 429\n1 runs, 1 with a broken promise\n"),
                         Finding(("seed 12: promise 3: 429",)))

    def test_died_in_a_test(self):
        self.assertEqual(read_tests("core_tests", -6, RUN), Finding(("Limiter.Waits (dies)",), DIES))
        self.assertEqual(read_tests("core_tests", -11, ""), Finding(("core_tests (dies)",), DIES))

    def test_died_after_another_had_failed(self):
        early = "[  FAILED  ] Limiter.Counts (0 ms)\n[ RUN      ] Limiter.Waits\n"
        self.assertEqual(read_tests("core_tests", -6, early), Finding(("Limiter.Counts", "Limiter.Waits (dies)"), DIES))

    def test_ended_early(self):
        self.assertEqual(read_tests("core_tests", 0, RUN), Finding(("Limiter.Waits (dies)",), DIES))

    def test_died_between_tests_or_after_the_last(self):
        between = RUN + "[       OK ] Limiter.Waits (0 ms)\n"
        self.assertEqual(read_tests("core_tests", -11, between), Finding(("core_tests (dies)",), DIES))
        self.assertEqual(read_tests("core_tests", -6, FAILS), Finding(("Limiter.Waits", "core_tests (dies)"), DIES))
        self.assertEqual(read_simulation(-6, "seed 12  3.5  promise 3: 429\n").end, DIES)

    def test_hung(self):
        self.assertEqual(read_tests("core_tests", TIMEOUT, RUN), Finding(("Limiter.Waits (hangs)",), HANGS))
        self.assertEqual(read_simulation(TIMEOUT, ""), Finding(("seed ?: hangs",), HANGS))

    def test_aborted_in_a_seed(self):
        output = "x.cpp:1: broken invariant: a == b\naborted; replay: bin/simulation --seed=7\n"
        self.assertEqual(read_simulation(-6, output), Finding(("seed 7: aborts: a == b",), DIES))


class Judging(unittest.TestCase):
    FAILED, FOUND = Finding(("A.B",)), Finding(("seed 1: promise 2",))

    def test_the_simulation_must_find_it(self):
        self.assertEqual(why_not_caught(mutation(), [Finding()], self.FOUND), "")
        self.assertEqual(why_not_caught(mutation(), [self.FAILED], Finding()), "missed by the simulation")
        self.assertEqual(why_not_caught(mutation(), [Finding()], Finding()), "survived")

    def test_unless_the_patch_says_why_not(self):
        blind = mutation("It breaks\nsimulation: it has no disk\n")
        self.assertEqual(why_not_caught(blind, [self.FAILED], Finding()), "")
        self.assertEqual(why_not_caught(blind, [Finding()], Finding()), "survived")

    def test_a_death_counts_only_where_the_patch_says_so(self):
        for tests, simulation in (([Finding(("A.B (dies)",), DIES)], self.FOUND),
                                  ([self.FAILED], Finding(("seed 1: aborts: a",), DIES))):
            self.assertIn("no line `dies: `", why_not_caught(mutation(), tests, simulation))
            self.assertIn("no line `dies: `", why_not_caught(mutation("It\nhangs: so\n"), tests, simulation))
            self.assertEqual(why_not_caught(mutation("It\ndies: so\n"), tests, simulation), "")

    def test_a_hang_counts_only_where_the_patch_says_so(self):
        hang = Finding(("seed ?: hangs",), HANGS)
        self.assertIn("no line `hangs: `", why_not_caught(mutation(), [self.FAILED], hang))
        self.assertEqual(why_not_caught(mutation("It\nhangs: so\n"), [self.FAILED], hang), "")

    def test_its_row(self):
        many = Finding(("A.A", "A.B", "A.C", "A.D"))
        self.assertEqual(row(mutation(), [many], self.FOUND),
                         "| `name` | Something is broken | A.A, A.B, A.C and 1 more | seed 1: promise 2 |")
        self.assertEqual(row(mutation("It\nsimulation: no disk\n"), [Finding()], Finding()), "| `name` | It | — | no disk |")


class Page(unittest.TestCase):
    NOTICED = (Finding(("Limiter.Waits",)),), Finding(("seed 12: promise 3: a || b",))

    def faults(self, head, rows):
        read = mutation(head)
        return [fault.split(";")[0] for fault in page_faults([read], page([read], rows))]

    def rows(self, head="Something is broken\n", simulation=NOTICED[1]):
        return {"name": row(mutation(head), self.NOTICED[0], simulation)}

    def test_a_row_is_written_and_read_again(self):
        rows = self.rows()
        self.assertEqual(rows["name"], "| `name` | Something is broken | Limiter.Waits | seed 12: promise 3: a \\|\\| b |")
        self.assertEqual(read_page(page([mutation()], rows)), rows)
        self.assertEqual(self.faults("Something is broken\n", rows), [])

    def test_a_mutation_has_a_row_or_says_why_not(self):
        self.assertEqual(self.faults("Something is broken\n", {}), ["name: has no row"])
        self.assertEqual(self.faults("Something is broken\nuntried: it is new\n", {}), [])
        self.assertIn("not tried: it is new", page([mutation("Something is broken\nuntried: it is new\n")], {}))

    def test_what_is_tried_is_not_called_untried_any_more(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "name.diff")
            path.write_text("Something is broken\nuntried: it is new\n" + DIFF)
            self.assertEqual(Mutation.read(path).tried().notes, {})
            self.assertEqual(path.read_text(), "Something is broken\n" + DIFF)

    def test_a_row_of_another_patch_is_stale(self):
        self.assertEqual(self.faults("Something else is broken\n", self.rows()), ["name: the patch has changed"])

    def test_the_simulation_finds_it_or_the_patch_says_why_not(self):
        head = "Something is broken\nsimulation: it has no disk\n"
        self.assertEqual(self.faults(head, self.rows(head, Finding())), [])
        self.assertEqual(len(self.faults(head, self.rows(simulation=Finding()))), 1)
        self.assertEqual(len(self.faults("Something is broken\n", self.rows(simulation=Finding()))), 1)

    def test_what_was_edited_by_hand_is_noticed(self):
        text = page([mutation()], self.rows())
        self.assertEqual(list(page_faults([mutation()], text + "\nMore\n")), ["the page is not as --write would write it"])
        self.assertIn("other: has a row and no patch",
                      list(page_faults([mutation()], text + "| `other` | It breaks | A.B | seed 1: promise 1: x |\n")))


if __name__ == "__main__":
    unittest.main()
