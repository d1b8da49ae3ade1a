"""What bash and zsh really complete, asked as a person asks: by typing into an interactive shell on a terminal."""

import os
import re
import select
import shutil
import signal
import time

import pytest

from conftest import BUILD
from process import PATIENCE_SECONDS

# One key inserts all completions at once, another shows the line as it then is.
SETUP = {
    "bash": r"""PS1='$ '; bind 'set enable-bracketed-paste off'
source <(cancelctl completion bash)
bind '"\C-t": insert-completions'; bind -x '"\C-g": printf "<<%s>>" "$READLINE_LINE"'
""",
    "zsh": r"""PS1='$ '; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D
source <(cancelctl completion zsh)
zstyle ':completion:*' completer _all_matches _complete; zstyle ':completion:*' insert true
show() { print -rn -- "<<$BUFFER>>" }; zle -N show; bindkey '^T' complete-word; bindkey '^G' show
""",
}
COMMANDS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


class Shell:
    def __init__(self, name, folder):
        self._heard = ""
        path = f"{BUILD.resolve() / 'bin'}:{os.environ['PATH']}"
        self.pid, self._terminal = os.forkpty()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(COMMANDS[name][0], COMMANDS[name],
                       {"PATH": path, "HOME": str(folder), "TERM": "dumb", "COLUMNS": "2000", "LC_ALL": "C.UTF-8"})
        self.type(SETUP[name] + "echo rea''dy\n")
        self._until(r"ready\r?\n")

    def type(self, text):
        os.write(self._terminal, text.encode())

    def _until(self, pattern):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self._heard)):
            assert time.monotonic() < deadline, f"no {pattern} in: {self._heard}"
            if select.select([self._terminal], [], [], 0.2)[0]:
                self._heard += os.read(self._terminal, 65536).decode()
        self._heard = self._heard[found.end():]
        return found

    def completions(self, line):
        """What the last word of the line may become."""
        self.type(line + "\x14\x07")
        completed = self._until(r"<<(.*?)>>").group(1)
        self.type("\x15")  # An empty line for the next.
        start = line.rindex(" ") + 1
        assert completed.startswith(line[:start]), completed
        words = [word.strip("'").rstrip("=/") for word in completed[start:].split()]
        return sorted(word.split("=")[-1] for word in words)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


@pytest.fixture(scope="module", params=["bash", "zsh"])
def shell(request, tmp_path_factory):
    assert shutil.which(request.param), f"{request.param} is not installed: deploy/setup tests"
    folder = tmp_path_factory.mktemp("home")
    (folder / "desk-a.key").touch()
    (folder / "desk-a.pub").touch()
    (folder / "desk-b").mkdir()
    shell = Shell(request.param, folder)
    yield shell
    shell.close()


@pytest.mark.parametrize("line, expected", [
    ("cancelctl re", ["record", "release", "resolve", "retry"]),
    ("cancelctl top --i", ["--insecure_loopback", "--interval"]),
    ("cancelctl c", ["cancel", "cancel-all", "completion"]),
    ("cancelctl k", ["keygen", "kill"]),
    ("cancelctl kill --r", ["--reason"]),
    ("cancelctl kill --si", ["--side"]),
    ("cancelctl kill --reason quotes --y", ["--yes"]),
    ("cancelctl release --fo", ["--force"]),
    ("cancelctl b", ["backup"]),
    ("cancelctl backup --s", ["--store"]),
    ("cancelctl backup desk-a.k", ["desk-a.key"]),
    ("cancelctl backup --json desk-b", ["desk-b"]),
    ("cancelctl --sender watch st", ["status"]),  # "watch" is a sender here.
    ("cancelctl completion ", ["bash", "zsh"]),
    ("cancelctl cancel --u", ["--urgent"]),
    ("cancelctl cancel --e", ["--event_endpoint", "--exact"]),
    ("cancelctl cancel --ur", ["--urgent"]),
    ("cancelctl cancel 5 --ur", ["--urgent"]),
    ("cancelctl status --i", ["--insecure_loopback"]),
    ("cancelctl explain --j", ["--json"]),
    ("cancelctl cancel --wait ", ["ack", "final"]),
    ("cancelctl cancel --ttl 2s --wait f", ["final"]),
    ("cancelctl resolve desk-a/1 --as=", ["canceled", "filled", "open", "unknown_order"]),
    ("cancelctl resolve desk-a/1 --as=f", ["filled"]),
    ("cancelctl --session_endpoint=tcp://127.0.0.1:5550 resolve --as ", ["canceled", "filled", "open", "unknown_order"]),
    ("cancelctl watch --topic=v", ["venue."]),
    ("cancelctl status --curve_key_file desk-a.k", ["desk-a.key"]),
    ("cancelctl status --curve_key_file=desk-a.p", ["desk-a.pub"]),
    ("cancelctl keygen --out ", ["desk-b"]),
    ("cancelctl backup --t", []),  # --timeout, --topic and --ttl are of no use to it.
    ("cancelctl list --state ", ["in_doubt", "stuck", "undecided"]),
    ("cancelctl find --fr", ["--from"]),
])
def test_what_is_completed(shell, line, expected):
    asked = line.split()[-1].split("=")[-1] if not line.endswith((" ", "=")) else ""
    assert shell.completions(line) == (expected or [asked])


def test_flags_are_those_of_the_command(shell):
    offered = shell.completions("cancelctl backup --")
    assert offered == ["--help", "--json", "--store"]
    assert {"--ttl", "--topic", "--as", "--version"} <= set(shell.completions("cancelctl --"))
