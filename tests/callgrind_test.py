#!/usr/bin/env python3
"""That a profile of callgrind is read as callgrind means it."""

import unittest

import callgrind
from callgrind import Function

# A turn of the bus (10 instructions of its own) calls SQLite twice, which calls itself and libc.
PROFILE = """\
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir
summary: 1090

ob=/somewhere/bin/cancel-bus
fl=???
fn=main
0 3
cob=/somewhere/bin/cancel-bus
cfn=cancelbus::bus::Shell::turn()
calls=2 0
0 1087

fn=cancelbus::bus::Shell::turn()
0 7
0 3
cob=/usr/lib/libsqlite3.so.0.8.6
cfi=???
cfn=sqlite3_step
calls=2 0
0 700
cfn=cancelbus::v1::Event::ByteSizeLong() const
calls=1 0
0 77
cob=/usr/lib/libsqlite3.so.0.8.6
cfn=sqlite3_exec
calls=1 0
0 300

fn=cancelbus::v1::Event::ByteSizeLong() const
0 77

ob=/usr/lib/libsqlite3.so.0.8.6
fn=sqlite3_exec
0 20
cfn=sqlite3_step
calls=1 0
0 280

fn=sqlite3_step
0 400
cfn=0x000000000001a2b0'2
calls=4 0
0 180
cob=/usr/lib/libc.so.6
cfn=fdatasync
calls=1 0
0 400

fn=0x000000000001a2b0'2
0 180

ob=/usr/lib/libc.so.6
fn=fdatasync
0 400
"""


class Callgrind(unittest.TestCase):
    def setUp(self):
        self.figures = callgrind.figures(PROFILE.splitlines(keepends=True))

    def test_every_instruction_belongs_to_one_group(self):
        self.assertEqual(self.figures["total",], 1090)
        own = {key[1]: cost for key, cost in self.figures.items() if key[0] == "self"}
        self.assertEqual(own, {callgrind.OURS: 13, callgrind.PROTOBUF: 77, callgrind.SQLITE: 600, callgrind.LIBC: 400})

    def test_a_library_includes_what_it_calls_but_no_call_within_it_twice(self):
        self.assertEqual(self.figures["with", callgrind.SQLITE], 1000)

    def test_a_call_counts_by_its_caller(self):
        self.assertEqual(self.figures["calls", "sqlite3_step by ours"], 2)
        self.assertEqual(self.figures["calls", "sqlite3_step by SQLite"], 1)
        self.assertEqual(self.figures["calls", "fdatasync"], 1)
        self.assertEqual(self.figures["turns",], 2)

    def test_a_function_of_ours_includes_what_it_calls(self):
        self.assertEqual(self.figures["inclusive", Function("cancel-bus", "cancelbus::bus::Shell::turn()")], 1087)

    def test_a_function_without_a_name_is_named_by_its_library(self):
        function = Function("libsqlite3.so.0.8.6", "0x000000000001a2b0")
        self.assertEqual(self.figures["function", function], 180)
        self.assertEqual(function.short, "libsqlite3.so.0.8.6 at 0x1a2b0")

    def test_names_are_shown_without_parameters(self):
        for name, short in {"a::(anonymous namespace)::B::c(std::vector<int> const&)": "a::B::c",
                            "a::B::operator()(int) const": "a::B::operator()",
                            "std::_Function_handler<void (int), f(A<B>)>::_M_invoke(int)": "std::_Function_handler::_M_invoke",
                            "absl::Span<int> cancelbus::f<int>(int)": "cancelbus::f",
                            "(below main)": "(below main)",
                            "a::B::operator bool() const": "a::B::operator bool"}.items():
            self.assertEqual(Function("cancel-bus", name).short, short)

    def test_a_template_belongs_where_its_own_name_says(self):
        for name, group in {"void boost::asio::f<cancelbus::A>(cancelbus::A)": callgrind.BOOST,
                            "std::pair<A, B> boost::json::f<A>(A)": callgrind.BOOST,
                            "cancelbus::v1::Event::Clear()": callgrind.PROTOBUF,
                            "cancelbus::(anonymous namespace)::f(absl::Span<int>)": callgrind.OURS,
                            "std::vector<absl::A>::push_back(absl::A)": callgrind.OURS}.items():
            self.assertEqual(Function("cancel-bus", name).group, group)


if __name__ == "__main__":
    unittest.main()
