"""A TCP proxy that goes wrong on demand: it stands between any two processes and forwards bytes, TLS unseen.

    with FaultProxy() as proxy:
        link = proxy.link(exchange_address)  # connect to link.address instead
        link.stall("up")
        link.restore()

Used by the integration tests; every link can be hurt on its own, and every call returns when the harm is done. Ways:
"up" is from the peer that connects to the one that it connects to, "down" is back. What waits in a stalled link is
delivered when the link is restored, also if its sender has given up in the meantime, as a middlebox may do.
"""

import asyncio
import socket
import struct
import threading
import time

from process import PATIENCE_SECONDS

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65536
WAYS = ("up", "down")
# Gaps that are at least so long are remembered.
NOTED_SECONDS = 0.5
# CURVE's handshake: a connection's first bytes up, with which its peer has said nothing yet.
HANDSHAKE_BYTES = 600


class FaultProxy:
    """Runs in a thread of its own until close()."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._thread.start()
        self._links = []

    def link(self, address):
        """A new Link to "HOST:PORT", where nothing need listen yet."""
        host, port = address.rsplit(":", 1)
        link = Link(self.call, host, int(port))
        self.call(link.listen)
        self._links.append(link)
        return link

    def call(self, function, *arguments):
        """Runs it in the proxy's thread, and returns what it returns."""
        async def run():
            result = function(*arguments)
            return await result if asyncio.iscoroutine(result) else result
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_SECONDS)

    def close(self):
        for link in self._links:
            self.call(link.shut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Link:
    """One forwarded port. What is public may be called from any thread; `listen` and `shut` are FaultProxy's."""

    def __init__(self, call, host, port):
        self._call = call
        self._target = (host, port)
        self._server = None
        self._connections = set()
        self._open = {}  # way: an Event that is set while bytes may pass
        self._delay_seconds = 0.0
        self._refuses = False
        self._gaps = Gaps()
        self.address = ""

    async def listen(self):
        self._open = {way: asyncio.Event() for way in WAYS}
        self._flow()
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.address = "{}:{}".format(*self._server.sockets[0].getsockname())

    async def shut(self):
        self._server.close()
        self._reset()
        self._flow()
        while self._connections:
            await asyncio.sleep(0.001)

    @property
    def endpoint(self):
        return f"tcp://{self.address}"

    # Harm.

    def cut(self):
        """Resets every connection, and each new one at once."""
        self._call(self._set_refuses, True)
        self._call(self._reset)

    def reset(self):
        """Resets every connection; new ones are served."""
        self._call(self._reset)

    def stall(self, *ways):
        """Nothing passes these ways (none given: both), connections stay open, new ones are accepted."""
        self._call(lambda: [self._open[way].clear() for way in ways or WAYS])

    def lead_to(self, address):
        """Every connection ends, and new ones lead to this "HOST:PORT", as with an address that moves to another machine."""
        host, port = address.rsplit(":", 1)
        self._call(self._set_target, (host, int(port)))
        self._call(self._reset)

    def half_close(self, way):
        """Every connection ends this way as if its sender had no more to say; the other way goes on."""
        self._call(lambda: [connection.half_close(way) for connection in list(self._connections)])

    def delay(self, seconds):
        """Everything passes so much later."""
        self._call(self._set_delay, seconds)

    def restore(self):
        """New connections are as good as ever, and so are old ones unless reset or half-closed."""
        self._call(self._flow)

    def connections(self):
        """How many stand."""
        return self._call(lambda: len(self._connections))

    # What passed, by time.time(). The last gap ends now. Also after the proxy was closed.

    def silences(self):
        """[(began, ended)]: nothing was delivered up between, but the handshakes of new connections."""
        return self._gaps.silences()

    def holds(self):
        """[(began, ended)]: what was on its way down when it began was delivered when it ended."""
        return self._gaps.holds()

    # In the proxy's thread.

    def passes(self, way, read_at, handshake):
        """Bytes that were read at `read_at` are delivered now."""
        if way == "down":
            self._gaps.delivered_down(read_at)
        elif not handshake:
            self._gaps.delivered_up()

    def _set_refuses(self, refuses):
        self._refuses = refuses

    def _set_target(self, target):
        self._target = target

    def _set_delay(self, seconds):
        self._delay_seconds = seconds

    def _reset(self):
        for connection in list(self._connections):
            connection.reset()

    def _flow(self):
        self._refuses = False
        self._delay_seconds = 0.0
        for way in WAYS:
            self._open[way].set()

    async def pass_on(self, way):
        """Returns when the next bytes may pass."""
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        await self._open[way].wait()

    async def _serve(self, reader, writer):
        if self._refuses:
            return reset(writer)
        try:
            connection = Connection(self, reader, writer, *await asyncio.open_connection(*self._target))
        except OSError:
            return reset(writer)
        if self._refuses:
            return connection.reset()
        self._connections.add(connection)
        try:
            await connection.forward()
        finally:
            self._connections.discard(connection)


class Links:
    """Links of one peer to several others, of which it needs any one. They are harmed together."""

    def __init__(self, links):
        self.links = list(links)

    @property
    def endpoint(self):
        return ",".join(link.endpoint for link in self.links)

    def cut(self):
        self._each("cut")

    def reset(self):
        self._each("reset")

    def stall(self, *ways):
        self._each("stall", *ways)

    def half_close(self, way):
        self._each("half_close", way)

    def delay(self, seconds):
        self._each("delay", seconds)

    def restore(self):
        self._each("restore")

    def silences(self):
        """[(began, ended)]: nothing was delivered up on any of them between."""
        common, *others = (link.silences() for link in self.links)
        for other in others:
            common = overlaps(common, other)
        return [(began, ended) for began, ended in common if ended - began >= NOTED_SECONDS]

    def holds(self):
        return sorted(hold for link in self.links for hold in link.holds())

    def _each(self, harm, *arguments):
        for link in self.links:
            getattr(link, harm)(*arguments)


def overlaps(some, others):
    """Of spans of time, the parts that lie in one of both lists."""
    both = ((max(began, other_began), min(ended, other_ended)) for began, ended in some for other_began, other_ended in others)
    return [(began, ended) for began, ended in both if began < ended]


class Gaps:
    """When a link's target could not hear who connects to it, and the other way round."""

    def __init__(self, clock=time.time):
        self._clock = clock
        self._silences = []
        self._holds = []
        self._heard = clock()

    def delivered_up(self):
        now = self._clock()
        if now - self._heard >= NOTED_SECONDS:
            self._silences.append((self._heard, now))
        self._heard = now

    def delivered_down(self, read_at):
        now = self._clock()
        if now - read_at >= NOTED_SECONDS:
            self._holds.append((read_at, now))

    def silences(self):
        now = self._clock()
        return [*self._silences, (self._heard, now)] if now - self._heard >= NOTED_SECONDS else list(self._silences)

    def holds(self):
        return list(self._holds)


class Connection:
    def __init__(self, link, client_reader, client_writer, server_reader, server_writer):
        self._link = link
        self._readers = {"up": client_reader, "down": server_reader}
        self._writers = {"up": server_writer, "down": client_writer}
        self._ended = set()  # ways
        self._bytes_up = 0

    async def forward(self):
        """Until both ways have ended, or one side has reset."""
        pumps = [asyncio.create_task(self._pump(way)) for way in WAYS]
        try:
            await asyncio.gather(*pumps)
        except OSError:
            self.reset()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        for writer in self._writers.values():
            writer.close()

    async def _pump(self, way):
        while data := await self._read(way):
            read_at = time.time()
            await self._link.pass_on(way)
            if way not in self._ended:
                self._bytes_up += len(data) if way == "up" else 0
                self._link.passes(way, read_at, handshake=self._bytes_up <= HANDSHAKE_BYTES)
                self._writers[way].write(data)
                await self._writers[way].drain()
        await self._link.pass_on(way)
        self.half_close(way)

    async def _read(self, way):
        try:
            return await self._readers[way].read(CHUNK_BYTES)
        except OSError:
            await self._link.pass_on(way)  # The news of a reset goes the same way as bytes.
            raise

    def half_close(self, way):
        if way in self._ended:
            return
        self._ended.add(way)
        if not self._writers[way].is_closing():
            self._writers[way].write_eof()

    def reset(self):
        for writer in self._writers.values():
            reset(writer)


def reset(writer):
    """Ends a connection at once: its peer is told by RST, nothing more is delivered."""
    if not writer.is_closing():
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
