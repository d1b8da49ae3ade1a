"""The store that a test's buses use, by what the test does to it. The fixture `store` (conftest.py) has a test run on each."""

import sqlite3
from contextlib import closing, contextmanager

from cancelbus.v1.cancel_pb2 import CXL_REJ_REASON_STORE_UNAVAILABLE
from scene import full_disk


# Copies of an undecided command, of 20 senders, for the orders behind its own.
COPIES = """WITH RECURSIVE copies(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM copies WHERE i < {count})
INSERT INTO {schema}cancels({columns}) SELECT {values} FROM {schema}cancels, copies"""
COPIED = {"sender_comp_id": "'copy-' || (i % 20)", "cl_ord_id": "'copy-' || i", "order_id": "order_id + i"}


def copies(count, columns, schema=""):
    return COPIES.format(count=count, schema=schema, columns=", ".join(columns),
                         values=", ".join(COPIED.get(column, column) for column in columns))


class SqliteStore:
    name = "sqlite"
    # Of a bus that is to keep what it has while the store refuses.
    patient_flags = {}
    # Reasons for which the bus may refuse a command while its processes die and stop.
    may_refuse = frozenset()

    def __init__(self, stack):
        self.stack = stack

    def delete(self, table, where):
        """While no bus runs. Returns how many rows went."""
        with closing(sqlite3.connect(self.stack.store_file)) as store, store:
            return store.execute(f"DELETE FROM {table} WHERE {where}").rowcount

    def copy_command(self, count):
        """While no bus runs, of the only command."""
        with closing(sqlite3.connect(self.stack.store_file)) as store, store:
            columns = [column[1] for column in store.execute("PRAGMA table_info(cancels)")]
            store.execute(copies(count, columns))

    def events(self):
        """(topic, seq, payload) of each, in this order."""
        with closing(sqlite3.connect(f"file:{self.stack.store_file}?mode=ro", uri=True)) as store:
            return store.execute("SELECT topic, seq, payload FROM events ORDER BY topic, seq").fetchall()

    def refuses(self):
        """A block in which nothing can be committed."""
        return full_disk(self.stack)


class PostgresStore:
    name = "postgresql"
    # With the usual lease a bus leads no more after 2 s without a commit.
    patient_flags = {"lease": "60s"}
    may_refuse = frozenset({CXL_REJ_REASON_STORE_UNAVAILABLE})  # until a bus without its database leads no more

    def __init__(self, stack, cluster):
        """Empty, in a cluster that others may have used."""
        self.stack, self.cluster = stack, cluster
        cluster.primary.sql("DROP SCHEMA IF EXISTS cancelbus CASCADE")
        stack.bus_flags["store"] = cluster.uri()

    def delete(self, table, where):
        gone = f"WITH gone AS (DELETE FROM cancelbus.{table} WHERE {where} RETURNING 1) SELECT count(*) FROM gone"
        return int(self.cluster.primary.sql(gone))

    def copy_command(self, count):
        """The bus that leads does not know of them."""
        columns = self.cluster.primary.sql("SELECT quote_ident(column_name) FROM information_schema.columns WHERE "
                                           "table_schema = 'cancelbus' AND table_name = 'cancels'").splitlines()
        self.cluster.primary.sql(copies(count, columns, "cancelbus."))

    def events(self):
        rows = self.cluster.primary.sql("SELECT topic, seq, encode(payload, 'hex') FROM cancelbus.events ORDER BY topic, seq")
        return [(topic, int(seq), bytes.fromhex(payload)) for topic, seq, payload in (row.split("|") for row in rows.splitlines())]

    @contextmanager
    def refuses(self):
        self.cluster.standby.pause()
        try:
            yield
        finally:
            self.cluster.standby.resume()
