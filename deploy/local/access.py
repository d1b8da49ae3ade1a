"""The CURVE keys of a stack and its policy file: who may talk to the bus. Used by stack.py; made anew each time."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from process import clean_environment


@dataclass(frozen=True)
class CurveKey:
    name: str
    key_file: Path
    public_file: Path

    @property
    def public(self):
        return self.public_file.read_text().strip()

    @property
    def secret(self):
        return self.key_file.read_text().strip()


class Access:
    """`policy_file` holds what grant() has granted."""

    def __init__(self, cancelctl, folder):
        self._cancelctl = cancelctl
        self._folder = folder / "keys"
        self._folder.mkdir(mode=0o700)
        self._lines = {}
        self.keys = {}
        self.policy_file = folder / "policy"
        self.bus = self.key("bus")

    def key(self, name):
        """The key pair of this name, made if there is none."""
        if name not in self.keys:
            subprocess.run([self._cancelctl, "keygen", f"--out={self._folder}", name], check=True, capture_output=True,
                           env=clean_environment())
            self.keys[name] = CurveKey(name, self._folder / f"{name}.key", self._folder / f"{name}.pub")
        return self.keys[name]

    def grant(self, role, name, **options):
        """Writes the key's line, as grant("strategy", "desk-a", senders="desk-a,desk-b", weight=3). False if it stood
        there already."""
        words = [role, name, self.key(name).public, *(f"{option}={value}" for option, value in options.items())]
        return self._write(name, " ".join(map(str, words)))

    def revoke(self, name):
        return self._write(name, None)

    def has(self, name):
        return name in self._lines

    def _write(self, name, line):
        if self._lines.get(name) == line:
            return False
        self._lines = {other: kept for other, kept in self._lines.items() if other != name} | ({name: line} if line else {})
        text = "# ROLE NAME PUBLICKEY [senders=A,B,ctl-*] [weight=N]\n" + "".join(f"{kept}\n" for kept in self._lines.values())
        written = self.policy_file.with_suffix(".new")
        written.write_text(text)
        written.rename(self.policy_file)
        return True

    def flags(self, name):
        """With which the holder of this key connects."""
        return {"curve_key_file": self.key(name).key_file, "curve_server_key_file": self.bus.public_file}
