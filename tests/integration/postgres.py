"""PostgreSQL for tests (deploy/local/database.py). Skips the test where it is not installed.

As a program, for tests in C++: prints the URI of a primary, and ends it when standard input ends. Exit code 77: there is
no PostgreSQL.
"""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "local"))

from database import binaries, cluster  # noqa: E402


@contextlib.contextmanager
def postgres(with_standby=False):
    """A primary, and a standby that it waits for."""
    if binaries() is None:
        import pytest  # The unit tests, which use this file as a program, have looked before.

        pytest.skip("PostgreSQL is not installed")
    with cluster(*(["standby"] if with_standby else [])) as made:
        yield made


def main():
    if binaries() is None:
        return 77
    with postgres() as made:
        print(made.uri(), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
