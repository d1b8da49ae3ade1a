#!/usr/bin/env python3
"""That every public name of the Python client has a docstring, and that one without is noticed. C++: tests/run --all docs."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

from undocumented import faults  # noqa: E402

PACKAGE = '"""A client."""\nfrom .client import Client, helper\n__all__ = ["Client"]\n'


class Undocumented(unittest.TestCase):
    def faults(self, client, package=PACKAGE):
        with tempfile.TemporaryDirectory() as folder:
            package_folder = Path(folder, "cancelbus")
            package_folder.mkdir()
            (package_folder / "__init__.py").write_text(package)
            (package_folder / "client.py").write_text(client)
            return [fault.removeprefix(f"{package_folder}/") for fault in faults(folder)]

    def test_every_public_name_of_the_client_is_documented(self):
        self.assertEqual(list(faults(ROOT / "clients" / "python")), [])

    def test_what_is_exported_needs_a_docstring_with_its_methods(self):
        client = '"""It."""\nclass Client:\n    async def cancel(self):\n        pass\n'
        self.assertEqual(self.faults(client), ["client.py:2: warning: Client has no docstring",
                                               "client.py:3: warning: Client.cancel has no docstring"])
        self.assertEqual(self.faults(client.replace("Client:", 'Client:\n    """A client."""')),
                         ["client.py:4: warning: Client.cancel has no docstring"])

    def test_what_is_not_exported_or_private_does_not(self):
        client = '"""It."""\ndef helper():\n    pass\nclass Client:\n    """A client."""\n    def _step(self):\n        pass\n'
        self.assertEqual(self.faults(client), [])
        self.assertEqual(self.faults(client, PACKAGE.replace('["Client"]', '["Client", "helper"]')),
                         ["client.py:2: warning: helper has no docstring"])

    def test_a_setter_is_documented_by_its_property(self):
        client = '"""It."""\nclass Client:\n    """It."""\n    @property\n    def topic(self):\n        """It."""\n'
        self.assertEqual(self.faults(client + "    @topic.setter\n    def topic(self, value):\n        pass\n"), [])


if __name__ == "__main__":
    unittest.main()
