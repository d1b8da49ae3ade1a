"""Names that have the addresses that a test gives them, for one process alone: no file of the machine is changed."""

import socket

import pytest


def resolving(build_dir, **names):
    """The environment of a process for which each name has these addresses: resolving(build, bus_test=["::1"]); an
    underscore stands for a dot."""
    entries = [f"{name.replace('_', '.')}={address}" for name, addresses in names.items() for address in addresses]
    # A sanitizer's runtime would insist on being the first library.
    return {"LD_PRELOAD": str(build_dir / "lib" / "libnames.so"), "ASAN_OPTIONS": "verify_asan_link_order=0",
            "CANCELBUS_TEST_NAMES": " ".join(entries)}


def _has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6 loopback")
