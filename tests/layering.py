#!/usr/bin/env python3
"""Which folder may include what, and must not name: the layering of the house, as a test.

A folder's row says what its files may include beyond their own folder and the standard library, and which names their
code (comments and strings apart) must not hold. Whatever is not allowed is a violation, so a new folder or a new
library needs a row here, which is where the reviewer looks.

  tests/layering.py [ROOT]    prints every violation as FILE:LINE: what; exit code 1 if there is any
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

# Of the standard library, what has to do with the outside world or with time passing.
IMPURE_STANDARD = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "stop_token", "semaphore",
                   "iostream", "fstream", "filesystem", "csignal", "ctime", "random"}
# abseil without its clock, its threads and its flags.
ABSEIL_VALUES = ("absl/container/", "absl/hash/", "absl/status/", "absl/strings/", "absl/types/", "absl/functional/",
                 "absl/numeric/", "absl/algorithm/")
NETWORK = r"\b(boost::asio|boost::beast|zmq|socket)\b"
NOW = r"(\bnow\s*\(\)|\babsl::Now\b|\bgettimeofday\b|\bclock_gettime\b|\btime\s*\(\s*(nullptr|NULL|0)\s*\))"
THREADS = r"\bstd::(jthread|thread|mutex|async|atomic)\b"
# fprintf is left: it is the last word of a broken invariant before it aborts.
LOGGING = r"\b(std::cout|std::cerr|std::clog|printf|puts)\b"
PROTOBUF = r"\b(google::protobuf|cancelbus::v1)\b"
TLS = r"\b(EVP_|SSL_|HMAC\s*\(|OSSL_)\w*"
JSON = r"\bboost::json\b"


@dataclass(frozen=True)
class Row:
    folder: str
    may_include: tuple[str, ...]  # prefixes of include paths
    must_not_name: tuple[str, ...] = ()
    pure: bool = False  # only the part of the standard library that computes


# Core's values, which the dialect and the edges may speak of; its decisions are for the shells alone.
CORE_VALUES = ("service/core/types.hpp", "service/core/answer.hpp", "service/core/records.hpp", "service/core/check.hpp",
               "service/core/names.hpp", "service/core/history.hpp", "service/core/term.hpp")
EDGE_LIBRARIES = ("boost/", "openssl/", "zmq", "sqlite3.h", "prometheus/", "absl/")
PROCESS = ("service/base/", "service/core/", "service/btcturk/", "service/wire/", "service/io/", "cancelbus/v1/",
           "google/protobuf/", *EDGE_LIBRARIES)

ROWS = (
    # What folders that may not include each other have in common: values, and what computes on them.
    Row("service/base", ("sqlite3.h",), (NETWORK, NOW, THREADS, LOGGING, PROTOBUF, TLS, JSON, r"\bboost::"), pure=True),
    Row("service/core", ABSEIL_VALUES, (NETWORK, NOW, THREADS, LOGGING, PROTOBUF, TLS, JSON, r"\bboost::"), pure=True),
    Row("service/btcturk", ("service/base/", *CORE_VALUES, "boost/json", "openssl/", *ABSEIL_VALUES),
        (NETWORK, NOW, THREADS, LOGGING, PROTOBUF), pure=True),
    Row("service/wire", ("service/base/", "service/core/", "cancelbus/v1/", "google/protobuf/", "absl/time/", *ABSEIL_VALUES),
        (NETWORK, NOW, THREADS, LOGGING, TLS, r"\bboost::"), pure=True),
    Row("service/io", ("service/base/", *CORE_VALUES, *EDGE_LIBRARIES), (r"\bGateway\b", PROTOBUF)),
    Row("service/backend", ("service/base/", "service/btcturk/", "service/io/", *CORE_VALUES, *EDGE_LIBRARIES), (PROTOBUF,)),
    Row("service/bus", PROCESS),
    Row("service/worker", ("service/backend/", *PROCESS)),
    Row("service/subscriber", ("service/backend/", *PROCESS)),
    # The tool reads the bus's store.
    Row("clients/cancelctl", ("cancelbus/", "clients/", "google/protobuf/", "zmq", "service/base/sqlite.hpp"),
        (r"\bcancelbus::core\b",)),
    # A process as those of service/ are, at their edges; its decisions are its own.
    Row("clients/fix", ("cancelbus/", "clients/fix/", "google/protobuf/", "quickfix/", "service/base/", "service/io/",
                        "service/core/decimal.hpp", "service/core/types.hpp", *EDGE_LIBRARIES)),
    Row("clients", ("cancelbus/", "clients/", "google/protobuf/", "zmq"), (r"\bcancelbus::core\b",)),
    Row("tests/exchange", ("boost/", "openssl/", "absl/", "gtest/", "gmock/"), (r"\bcancelbus::",)),
)
# Beast and TLS cost most of a minute and over a gigabyte wherever they are included: never through a header.
HEAVY = ("boost/beast", "boost/asio/ssl")
# A peer whose certificate is not verified: nowhere, by no switch.
UNVERIFIED = r"\b(verify_none|SSL_VERIFY_NONE|set_verify_callback|SSL_CTX_set_cert_verify_callback)\b"

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.DOTALL)
SYSTEM_HEADER = re.compile(r"^(sys/|net/|netinet/|arpa/|linux/)")


def is_standard(header):
    return "/" not in header and "." not in header


def is_platform(header):
    return SYSTEM_HEADER.match(header) is not None or ("/" not in header and header.endswith(".h"))


def may_include(row, header):
    if header.startswith((row.folder + "/", *row.may_include)):
        return True
    if is_standard(header):
        return not (row.pure and header in IMPURE_STANDARD)
    return not row.pure and is_platform(header)


def blank(match):
    """What is not code, as blank space of the same lines."""
    return re.sub(r"[^\n]", " ", match.group())


def check_file(row, path, name):
    """Yields (line, what) for every violation in one file."""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        included = INCLUDE.match(line)
        if not included:
            continue
        header = included.group(1)
        if not may_include(row, header):
            yield number, f"{row.folder} may not include {header}"
        elif name.startswith("service/") and path.suffix == ".hpp" and header.startswith(HEAVY):
            yield number, f"{header} is too costly for a header"
    code = NOT_CODE.sub(blank, re.sub(r"(?m)^\s*#\s*include.*$", "", text))
    for pattern in (*row.must_not_name, UNVERIFIED):
        for found in re.finditer(pattern, code):
            yield code.count("\n", 0, found.start()) + 1, f"{row.folder} may not name {found.group().strip()}"


def violations(root, rows=ROWS):
    """Every violation under root, as sentences; a C++ file of service/ or clients/ that no row covers is one."""
    result = []
    for top in ("service", "clients", "tests/exchange"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".cpp", ".hpp", ".h", ".in"):
                continue
            name = path.relative_to(root).as_posix()
            row = next((row for row in rows if name.startswith(row.folder + "/")), None)
            if row is None:
                result.append(f"{name}: no row says what this folder may include")
                continue
            result += [f"{name}:{line}: {what}" for line, what in sorted(check_file(row, path, name))]
    return result


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = violations(root)
    print("\n".join(found) if found else "layering: every include and name is where it may be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
