"""HTTP/1.1 over non-blocking sockets: one thread, one request a connection, nobody waits for somebody else."""

import heapq
import selectors
import socket
import time
from http import HTTPStatus

from shop.app import TEXT, Request, Response

MAX_REQUEST = 65536
IDLE_SECONDS = 10.0
REASONS = {status.value: status.phrase for status in HTTPStatus}


class BadRequest(ValueError):
    """Bytes that are no request."""


def parse(data):
    """The request at the start of data, or None when more bytes must come first."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if len(data) > MAX_REQUEST:
        raise BadRequest("too long")
    if not end:
        return None
    try:
        first, *lines = head.decode("ascii").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if length < 0 or not target.startswith("/"):
            raise ValueError("no such request")
    except ValueError:
        raise BadRequest("not HTTP") from None
    if length > MAX_REQUEST:
        raise BadRequest("too long")
    if len(rest) < length:
        return None
    path, _, query = target.partition("?")
    return Request(method, path, query, rest[:length].decode("utf-8", "replace"))


def encode(response):
    """A response as bytes."""
    body = response.body.encode()
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Content-Type: {response.kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Connection:
    """One visitor's socket."""

    __slots__ = ("expires", "incoming", "outgoing", "sock")

    def __init__(self, sock, expires):
        self.sock = sock
        self.expires = expires
        self.incoming = b""
        self.outgoing = b""


class Loop:
    """Serves a listening socket until :meth:`finish`, then what was begun."""

    def __init__(self, listener, app):
        self.app = app
        self.selector = selectors.DefaultSelector()
        self.connections = set()
        self._listener = listener
        self._accepting = True
        self._due = []
        self._order = 0
        listener.setblocking(False)
        self.watch(listener, self._accept)

    def watch(self, fileobj, act):
        """Call act() whenever fileobj can be read."""
        self.selector.register(fileobj, selectors.EVENT_READ, act)

    def finish(self):
        """Take no new connection; those in the socket's queue stay there for the next server."""
        if self._accepting:
            self._accepting = False
            self.selector.unregister(self._listener)
            self._listener.close()

    def run(self, tick=2.0, every_tick=lambda: None):
        """Serve; every_tick() is called every `tick` seconds and may call :meth:`finish`."""
        next_tick = time.monotonic() + tick
        while self._accepting or self.connections:
            now = time.monotonic()
            until = self._due[0][0] if self._due else next_tick
            for key, _ in self.selector.select(max(0.0, min(until, next_tick) - now)):
                key.data()
            self._answer_due()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + tick
                self._drop_idle()
                every_tick()

    def _accept(self):
        for _ in range(64):
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, time.monotonic() + IDLE_SECONDS)
            self.connections.add(connection)
            self.watch(sock, lambda connection=connection: self._read(connection))

    def _read(self, connection):
        try:
            data = connection.sock.recv(16384)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        connection.incoming += data
        try:
            request = parse(connection.incoming)
        except BadRequest as error:
            self._send(connection, encode(Response(400, f"{error}\n", TEXT, (), 0.0)))
            return
        if request is not None:
            self.selector.unregister(connection.sock)
            self._handle(connection, request)

    def _handle(self, connection, request):
        start = time.monotonic()
        response = self.app.handle(request)
        self._order += 1
        heapq.heappush(self._due, (start + response.wait, self._order, start, connection, request, response))

    def _answer_due(self):
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, start, connection, request, response = heapq.heappop(self._due)
            self.app.done(request, response, time.monotonic() - start)
            self._send(connection, encode(response))

    def _send(self, connection, data):
        connection.outgoing = data
        try:
            self.selector.unregister(connection.sock)
        except KeyError:
            pass
        self.selector.register(connection.sock, selectors.EVENT_WRITE, lambda: self._write(connection))
        self._write(connection)

    def _write(self, connection):
        try:
            sent = connection.sock.send(connection.outgoing)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)
            return
        connection.outgoing = connection.outgoing[sent:]
        if not connection.outgoing:
            self._drop(connection)

    def _drop_idle(self):
        now = time.monotonic()
        for connection in [one for one in self.connections if one.expires < now]:
            self._drop(connection)

    def _drop(self, connection):
        self.connections.discard(connection)
        try:
            self.selector.unregister(connection.sock)
        except (KeyError, ValueError):
            pass
        connection.sock.close()
