"""Hosts whose wall clocks are wrong: each process of a stack can have one of its own, which may be set while it runs. Its
steady clocks go on as they are. Used by test_wall_clocks.py."""

import struct
from pathlib import Path


class WallClock:
    """Of the process of this name, which must not be started yet."""

    def __init__(self, stack, name, error_seconds=0.0):
        self._file = Path(stack.folder) / f"{name}.wall_clock"
        self.set(error_seconds)
        library = stack.bin_dir.parent / "lib" / "libwall_clock.so"
        # A sanitizer's runtime would insist on being the first library.
        stack.wrappers[name] = ["/usr/bin/env", f"LD_PRELOAD={library}", "ASAN_OPTIONS=verify_asan_link_order=0",
                                f"CANCELBUS_TEST_WALL_CLOCK={self._file}"]

    def set(self, error_seconds):
        """So far ahead of the truth from now on."""
        data = struct.pack("=q", round(error_seconds * 1e9))
        if self._file.exists():
            with open(self._file, "r+b") as file:  # in place: the process has it mapped
                file.write(data)
        else:
            self._file.write_bytes(data)
