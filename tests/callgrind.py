"""Reads the profiles that callgrind writes: what each function costs, and what that is by library.

Used by tests/instructions. A profile must be written with --compress-strings=no and --compress-pos=no, and count only
instructions, which is callgrind's default.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath

SQLITE, LIBZMQ, SODIUM, PROTOBUF = "SQLite", "libzmq", "libsodium (CURVE)", "protobuf"
LOG, METRICS, TLS, ABSEIL, BOOST, LIBC, OURS = ("spdlog, fmt", "prometheus-cpp", "OpenSSL", "abseil", "Boost",
                                                "libc, libstdc++", "ours")
# Of the object files that are not ours, by how their names begin.
LIBRARIES = {"libsqlite3": SQLITE, "libzmq": LIBZMQ, "libsodium": SODIUM, "libproto": PROTOBUF, "libspdlog": LOG,
             "libfmt": LOG, "libprometheus": METRICS, "libcrypto": TLS, "libssl": TLS, "libabsl": ABSEIL,
             "libboost": BOOST, "lib": LIBC, "ld-linux": LIBC}
# Of functions in our programs: compiled from a library's headers, or made by protoc of the contract.
NAMESPACES = {"cancelbus::v1::": PROTOBUF, "google::protobuf::": PROTOBUF, "absl::": ABSEIL, "boost::": BOOST,
              "zmq::": LIBZMQ, "spdlog::": LOG, "fmt::": LOG, "prometheus::": METRICS}
# These call our code, so what they call is not their cost.
CALLERS_OF_OURS = (OURS, BOOST, ABSEIL, LIBC)
# Calls of these are counted. Those of SQLite by caller, because sqlite3_exec prepares and steps statements as well.
COUNTED = ("sqlite3_step", "sqlite3_exec", "sqlite3_prepare_v2", "sqlite3_prepare_v3", "fdatasync", "malloc")
TURN = "cancelbus::bus::Shell::turn()"


@dataclass(frozen=True)
class Function:
    object: str  # file name of the program or the library
    name: str

    @property
    def group(self):
        for beginning, group in LIBRARIES.items():
            if self.object.startswith(beginning):
                return group
        for beginning, group in NAMESPACES.items():
            if self._qualified.startswith(beginning):
                return group
        return OURS

    @property
    def is_of_cancelbus(self):
        return self.group == OURS and self._qualified.startswith("cancelbus::")

    @property
    def short(self):
        """Its qualified name; where a stripped library leaves no name, the place in it."""
        return f"{self.object} at {int(self.name, 16):#x}" if self.name.startswith("0x") else self._qualified

    @property
    def _qualified(self):
        """Without parameters, arguments of templates, and what a template returns, which stands before its name."""
        name = self.name.replace("(anonymous namespace)::", "")
        while (stripped := re.sub(r"<[^<>]*>", "", name)) != name:
            name = stripped
        name = re.match(r".*?operator\(\)|[^(]*", name)[0].strip()
        if not name:  # "(below main)" is callgrind's own
            return self.name
        return name if "operator " in name else name.split()[-1]


def read(lines):
    """Instructions of each Function itself, and {(caller, callee): [calls, instructions within]}."""
    own, edges = Counter(), defaultdict(lambda: [0, 0])
    program, caller, callee, callee_object, calls = "", None, None, None, None
    for line in lines:
        line = line.rstrip("\n")
        key, _, value = line.partition("=")
        if key == "ob":
            program = PurePosixPath(value).name
        elif key == "fn":
            caller = Function(program, without_recursion(value))
        elif key == "cob":
            callee_object = PurePosixPath(value).name
        elif key == "cfn":
            callee = Function(callee_object or program, without_recursion(value))
        elif key == "calls":
            calls = int(value.split()[0])
        elif line[:1].isdigit() and caller is not None:
            cost = int(line.split()[1])
            if calls is None:
                own[caller] += cost
            else:
                edge = edges[caller, callee]
                edge[0] += calls
                edge[1] += cost
                callee_object, calls = None, None
    return own, edges


def without_recursion(name):
    """callgrind numbers the levels of a recursive function: f, f'2."""
    return re.sub(r"'\d+$", "", name)


def figures(lines):
    """What the report is made of, as one Counter, so that profiles can be subtracted:
    ("total",), ("self", group), ("with", group) including what the group calls, ("function", Function) itself,
    ("inclusive", Function) for those of cancelbus, ("calls", what) and ("turns",)."""
    own, edges = read(lines)
    out = Counter({("total",): sum(own.values())})
    for function, cost in own.items():
        out["self", function.group] += cost
        out["with", function.group] += cost
        out["function", function] += cost
        if function.is_of_cancelbus:
            out["inclusive", function] += cost
    for (caller, callee), (calls, cost) in edges.items():
        if caller.group not in (callee.group, *CALLERS_OF_OURS):
            out["with", caller.group] += cost
        if caller.is_of_cancelbus and caller != callee:
            out["inclusive", caller] += cost
        if callee.name in COUNTED:
            by = f" by {caller.group}" if callee.group == SQLITE else ""
            out["calls", callee.name + by] += calls
        if callee.name == TURN:
            out["turns",] += calls
    return out
