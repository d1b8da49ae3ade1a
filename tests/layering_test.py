#!/usr/bin/env python3
"""That the layering test sees a violation, and takes what is allowed."""

import tempfile
import unittest
from pathlib import Path

import layering


class Layering(unittest.TestCase):
    def violations(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            return layering.violations(Path(folder))

    def assert_refused(self, name, text, line, what):
        self.assertEqual(self.violations(name, text), [f"{name}:{line}: {what}"])

    def assert_allowed(self, name, text):
        self.assertEqual(self.violations(name, text), [])

    def test_core_includes_only_the_standard_library_and_abseil_values(self):
        self.assert_allowed("service/core/a.hpp", '#include <map>\n#include "absl/container/flat_hash_map.h"\n')
        self.assert_refused("service/core/a.hpp", "#include <map>\n#include <boost/json.hpp>\n", 2,
                            "service/core may not include boost/json.hpp")
        self.assert_refused("service/core/a.cpp", '#include "service/io/clock.hpp"\n', 1,
                            "service/core may not include service/io/clock.hpp")
        self.assert_refused("service/core/a.cpp", "#include <mutex>\n", 1, "service/core may not include mutex")
        self.assert_refused("service/core/a.cpp", "#include <unistd.h>\n", 1, "service/core may not include unistd.h")

    def test_base_includes_nothing_of_ours(self):
        self.assert_allowed("service/base/a.hpp", '#include <string>\n#include "service/base/b.hpp"\n')
        self.assert_refused("service/base/a.hpp", '#include "service/core/types.hpp"\n', 1,
                            "service/base may not include service/core/types.hpp")

    def test_core_does_not_read_a_clock(self):
        self.assert_refused("service/core/a.cpp", "#include <chrono>\nauto t = std::chrono::steady_clock::now();\n", 2,
                            "service/core may not name now()")

    def test_no_file_may_do_without_verifying_a_peer(self):
        self.assert_refused("service/io/a.cpp", "tls->set_verify_mode(boost::asio::ssl::verify_none);\n", 1,
                            "service/io may not name verify_none")

    def test_comments_and_strings_are_not_code(self):
        self.assert_allowed("service/core/a.cpp", '// no now(), no socket\n/* std::mutex */ auto s = "boost::asio";\n')

    def test_a_name_after_a_long_comment_is_found_on_its_line(self):
        self.assert_refused("service/core/a.cpp", "/* one\ntwo */\nstd::mutex m;\n", 3,
                            "service/core may not name std::mutex")

    def test_the_dialect_knows_no_decisions_and_no_sockets(self):
        self.assert_allowed("service/btcturk/a.cpp", '#include "service/core/types.hpp"\n#include <openssl/evp.h>\n')
        self.assert_refused("service/btcturk/a.cpp", '#include "service/core/gateway.hpp"\n', 1,
                            "service/btcturk may not include service/core/gateway.hpp")
        self.assert_refused("service/btcturk/a.cpp", "#include <boost/asio.hpp>\n", 1,
                            "service/btcturk may not include boost/asio.hpp")

    def test_wire_knows_no_boost_and_no_zmq(self):
        self.assert_allowed("service/wire/a.cpp", '#include "cancelbus/v1/session.pb.h"\n#include "service/core/events.hpp"\n')
        self.assert_refused("service/wire/a.cpp", "#include <zmq.hpp>\n", 1, "service/wire may not include zmq.hpp")

    def test_the_edges_know_no_decisions(self):
        self.assert_allowed("service/io/a.cpp", "#include <boost/beast.hpp>\n#include <unistd.h>\n")
        self.assert_refused("service/io/a.cpp", '#include "service/core/gateway.hpp"\n', 1,
                            "service/io may not include service/core/gateway.hpp")
        self.assert_refused("service/io/a.hpp", "#include <boost/beast/http.hpp>\n", 1,
                            "boost/beast/http.hpp is too costly for a header")

    def test_one_process_does_not_include_another(self):
        self.assert_allowed("service/bus/a.cpp", '#include "service/io/clock.hpp"\n')
        self.assert_refused("service/bus/a.cpp", '#include "service/worker/options.hpp"\n', 1,
                            "service/bus may not include service/worker/options.hpp")

    def test_clients_and_the_local_exchange_share_nothing_with_the_service_but_base(self):
        self.assert_refused("clients/cpp/a.hpp", '#include "service/wire/frame.hpp"\n', 1,
                            "clients may not include service/wire/frame.hpp")
        self.assert_allowed("clients/cancelctl/a.cpp", '#include "service/base/sqlite.hpp"\n')
        self.assert_refused("clients/cpp/a.cpp", '#include "service/base/sqlite.hpp"\n', 1,
                            "clients may not include service/base/sqlite.hpp")
        self.assert_refused("tests/exchange/a.cpp", '#include "service/btcturk/signer.hpp"\n', 1,
                            "tests/exchange may not include service/btcturk/signer.hpp")

    def test_a_folder_without_a_row_is_refused(self):
        self.assertEqual(self.violations("service/new/a.cpp", ""),
                         ["service/new/a.cpp: no row says what this folder may include"])


if __name__ == "__main__":
    unittest.main()
