"""PostgreSQL for tests: a primary, and a synchronous standby of it, in a folder of their own, on free ports.

Servers refuse to run as root, so they run as the user `postgres`, or as ours if that is no other. Skips the test where
PostgreSQL is not installed. Nothing is synced to the disk: a test kills processes, and no machine.

As a program, for tests in C++: prints the URI of a primary, and ends it when standard input ends. Exit code 77: there is
no PostgreSQL.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "deploy" / "local"))

from process import PATIENCE_SECONDS, wait_until  # noqa: E402

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "60", "wal_level": "replica", "max_wal_senders": "4",
            "hot_standby": "on", "wal_receiver_status_interval": "1s", "wal_sender_timeout": "10s", "autovacuum_naptime": "10s",
            "log_min_messages": "warning", "listen_addresses": "127.0.0.1", "max_worker_processes": "4"}


def binaries():
    """The folder with initdb; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def binary(name):
    return binaries() / name


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Server:
    """One server. `start()` and `kill()` as often as a test likes."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.port = free_port()
        self.data = cluster.folder / name
        self.process = None

    def start(self, database="cancelbus"):
        command = [binary("postgres"), "-D", self.data, "-p", str(self.port), "-k", self.cluster.folder]
        with open(self.cluster.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, **self.cluster.as_user)
        wait_until(lambda: self.answers(database) or self.process.poll() is not None, f"{self.name} takes connections")
        assert self.process.poll() is None, (self.cluster.folder / f"{self.name}.log").read_text()
        return self

    def answers(self, database="cancelbus"):
        return self.sql("SELECT 1", check=False, database=database) == "1"

    def sql(self, statement, check=True, database="cancelbus"):
        """What psql prints, rows by lines and columns by |."""
        done = subprocess.run([str(binary("psql")), "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "cancelbus",
                               "-d", database, "-c", statement], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip() if done.returncode == 0 else None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)  # a fast shutdown
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        """Every process of the server at once, as a machine that dies."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def promote(self):
        assert self.sql("SELECT pg_promote(true, 60)") == "t"


class Cluster:
    """A primary. standby() adds one that the primary waits for at every commit."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.as_user = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chmod(folder, 0o755)
        self.primary = Server(self, "primary")
        self.standby = None
        self.servers = [self.primary]
        self._run("initdb", "-D", self.primary.data, "-U", "cancelbus", "-A", "trust", "--no-sync", "-E", "UTF8",
                  "--locale=C.UTF-8")
        with open(self.primary.data / "postgresql.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        self.primary.start(database="postgres")
        self.primary.sql("CREATE DATABASE cancelbus", database="postgres")

    def add_standby(self):
        self.standby = Server(self, "standby")
        self.servers.append(self.standby)
        self._run("pg_basebackup", "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", "cancelbus", "-D",
                  self.standby.data, "-R", "--no-sync", "-c", "fast", "-d", "application_name=standby")
        self.standby.start()
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.sql("SELECT pg_reload_conf()")
        wait_until(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", "the standby is synchronous")
        return self.standby

    def uri(self, *servers):
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers or self.servers)
        return f"postgresql://cancelbus@{hosts}/cancelbus?connect_timeout=2"

    def stop(self):
        for server in reversed(self.servers):
            server.stop()

    def _run(self, program, *arguments):
        subprocess.run([str(word) for word in (binary(program), *arguments)], check=True, capture_output=True,
                       cwd=self.folder, timeout=PATIENCE_SECONDS, **self.as_user)




@contextlib.contextmanager
def postgres(with_standby=False):
    if binaries() is None:
        import pytest  # The unit tests, which use this file as a program, have looked before.

        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="cancelbus-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(folder)
        try:
            if with_standby:
                cluster.add_standby()
            yield cluster
        finally:
            cluster.stop()


def main():
    if binaries() is None:
        return 77
    with postgres() as cluster:
        print(cluster.uri(), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
