"""PostgreSQL on loopback: a primary and standbys of it that it waits for, in a folder of their own, on free ports.

Used by demo.py and by the tests. Servers refuse to run as root, so they run as the user `postgres`, or as ours if that is
not root. Nothing is synced to the disk: processes die here, and no machine does.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from process import PATIENCE_SECONDS, Failed, die_with_parent, wait_until

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "60", "wal_level": "replica", "max_wal_senders": "6",
            "hot_standby": "on", "wal_receiver_status_interval": "1s", "wal_sender_timeout": "10s", "autovacuum_naptime": "10s",
            "wal_retrieve_retry_interval": "500ms", "log_min_messages": "warning", "listen_addresses": "127.0.0.1",
            "max_worker_processes": "4"}


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


def children(pid):
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


class Server:
    """One server. start() and kill() it as often as you like."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.port = free_port()
        self.data = cluster.folder / name
        self.log_file = cluster.folder / f"{name}.log"
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, database="cancelbus"):
        command = [binary("postgres"), "-D", self.data, "-p", str(self.port), "-k", self.cluster.folder]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=die_with_parent(), **self.cluster.as_user)
        wait_until(lambda: self.answers(database) or not self.running, f"{self.name} takes connections")
        if not self.running:
            raise Failed(f"{self.name} ended:\n{self.log_file.read_text()}")
        return self

    def answers(self, database="cancelbus"):
        return self.sql("SELECT 1", check=False, database=database) == "1"

    def sql(self, statement, check=True, database="cancelbus"):
        """What psql prints, rows by lines and columns by |."""
        done = subprocess.run([str(binary("psql")), "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", "cancelbus",
                               "-d", database, "-c", statement], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        if done.returncode != 0 and check:
            raise Failed(f"{self.name}: {done.stderr}")
        return done.stdout.strip() if done.returncode == 0 else None

    def stop(self):
        if self.running:
            self.resume()
            self.process.send_signal(signal.SIGINT)  # a fast shutdown
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        """Every process of the server, as if its machine died."""
        if self.running:
            self.pause()
            self._signal(signal.SIGKILL)
            self.process.wait()

    def pause(self):
        """Stops every process of the server without their knowing."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)  # from now on it starts no other
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for pid in (*children(self.process.pid), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def promote(self):
        if self.sql("SELECT pg_promote(true, 60)") != "t":
            raise Failed(f"{self.name} was not promoted")

    def set(self, name, value):
        self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.sql("SELECT pg_reload_conf()")


class Cluster:
    """A primary. add_standby() adds a server that the primary waits for at every commit; of several, any one."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.as_user = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chmod(folder, 0o755)
        self.primary = Server(self, "primary")
        self.servers = [self.primary]
        self._run("initdb", "-D", self.primary.data, "-U", "cancelbus", "-A", "trust", "--no-sync", "-E", "UTF8",
                  "--locale=C.UTF-8")
        with open(self.primary.data / "postgresql.conf", "a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        self.primary.start(database="postgres")
        self.primary.sql("CREATE DATABASE cancelbus", database="postgres")

    @property
    def standbys(self):
        return [server for server in self.servers if server is not self.primary]

    @property
    def standby(self):
        return self.standbys[0] if self.standbys else None

    def add_standby(self, name="standby"):
        standby = Server(self, name)
        self._copy_primary(standby)
        self.servers.append(standby)
        self.primary.set("synchronous_standby_names", self._any_of(self.standbys))
        self.wait_replicated()
        return standby

    def wait_replicated(self):
        """Until the primary waits for each server that runs."""
        wanted = sum(standby.running for standby in self.standbys)
        count = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')"
        wait_until(lambda: self.primary.sql(count, check=False) == str(wanted), "the primary waits for its standbys")

    def fail_over(self):
        """The primary is dead. What an operator, or CloudNativePG, does then: of the standbys that run, the one with the
        latest commit is promoted, and waits for the others. The dead one counts as one of them, for rejoin()."""
        standbys = [standby for standby in self.standbys if standby.running]
        received = "SELECT pg_last_wal_receive_lsn() - '0/0'"
        new = max(standbys, key=lambda standby: int(standby.sql(received)))
        others = [server for server in self.servers if server is not new]
        new.set("synchronous_standby_names", self._any_of(others))
        for standby in standbys:
            if standby is not new:
                standby.set("primary_conninfo", f"host=127.0.0.1 port={new.port} user=cancelbus application_name={standby.name}")
        new.promote()
        self.primary = new

    def rejoin(self, server):
        """A former primary comes back as a standby of the present one."""
        server.kill()
        shutil.rmtree(server.data)
        self._copy_primary(server)
        self.wait_replicated()

    def _copy_primary(self, server):
        self._run("pg_basebackup", "-h", "127.0.0.1", "-p", self.primary.port, "-U", "cancelbus", "-D", server.data, "-R",
                  "--no-sync", "-c", "fast", "-d", f"application_name={server.name}")
        server.start()

    @staticmethod
    def _any_of(servers):
        return f"ANY 1 ({', '.join(server.name for server in servers)})"

    def uri(self, *servers):
        return self.uri_at(server.address for server in servers or self.servers)

    @staticmethod
    def uri_at(addresses):
        return f"postgresql://cancelbus@{','.join(addresses)}/cancelbus?connect_timeout=2"

    def stop(self):
        for server in [*self.standbys, self.primary]:
            server.stop()

    def _run(self, program, *arguments):
        try:
            subprocess.run([str(word) for word in (binary(program), *arguments)], check=True, capture_output=True, text=True,
                           cwd=self.folder, timeout=PATIENCE_SECONDS, **self.as_user)
        except subprocess.CalledProcessError as failed:
            raise Failed(f"{program} failed: {failed.stderr}") from None


@contextlib.contextmanager
def cluster(*standbys):
    """A Cluster with standbys of these names, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="cancelbus-postgres-", ignore_cleanup_errors=True) as folder:
        made = Cluster(folder)
        try:
            for name in standbys:
                made.add_standby(name)
            yield made
        finally:
            made.stop()
