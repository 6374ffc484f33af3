"""``python -m shop.server --address 127.0.0.1 --port 8080``: serve the shop from the release in this directory.

With ``--handover PATH`` a server lends its listening socket to the one that comes after it: the new one asks at
PATH, both hold the same socket, and whoever waits in its queue is served by one of them. SIGTERM ends a server
after what it had begun.
"""

import getopt
import os
import signal
import socket
import sys

from shop.app import App
from shop.wire import Loop


def lend(path, listener):
    """Offer the listening socket at path; returns the socket to wait on and what to do when somebody asks."""
    desk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    new = f"{path}.{os.getpid()}"
    desk.bind(new)
    desk.listen(2)
    desk.setblocking(False)
    os.replace(new, path)

    def hand_over():
        try:
            visitor, _ = desk.accept()
            with visitor:
                socket.send_fds(visitor, [b"listener"], [listener.fileno()])
        except OSError:
            pass

    return desk, hand_over


def borrow(path, address):
    """The listening socket of the server before this one, or None when there is none to be had."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
            visitor.settimeout(2.0)
            visitor.connect(path)
            _, numbers, _, _ = socket.recv_fds(visitor, 16, 1)
    except OSError:
        return None
    listener = socket.socket(fileno=numbers[0]) if numbers else None
    if listener is not None and listener.getsockname() != address:
        listener.close()
        return None
    return listener


def listen(address):
    """A new listening socket."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(256)
    return listener


def stop_on_sigterm(loop):
    """Let SIGTERM and SIGINT end the loop at once, also while it waits."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    loop.watch(reader, lambda: (reader.recv(64), loop.finish()))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return writer


def serve(address, handover, ready):
    """Serve until told to stop, or until the release's directory is gone."""
    release = os.path.basename(os.getcwd())
    listener = (borrow(handover, address) if handover else None) or listen(address)
    loop = Loop(listener, App(release))
    keep = [stop_on_sigterm(loop)]
    if handover:
        desk, hand_over = lend(handover, listener)
        loop.watch(desk, hand_over)
        keep.append(desk)
    if ready is not None:
        os.write(ready, b"ready\n")
        os.close(ready)
    here = os.stat(".").st_ino

    def still_there():
        try:
            if os.stat(os.getcwd()).st_ino != here:
                loop.finish()
        except OSError:
            loop.finish()

    loop.run(every_tick=still_there)


def main(arguments):
    """The command line; returns the exit status."""
    try:
        pairs, rest = getopt.getopt(arguments, "", ["address=", "port=", "handover=", "ready-fd="])
        options = dict(pairs)
        address = (options.get("--address", "127.0.0.1"), int(options.get("--port", "8080")))
        ready = int(options["--ready-fd"]) if "--ready-fd" in options else None
        if rest:
            raise ValueError(f"what is {rest[0]!r}?")
    except (getopt.GetoptError, ValueError) as error:
        print(f"shop.server: {error}", file=sys.stderr)
        return 2
    try:
        serve(address, options.get("--handover"), ready)
    except OSError as error:
        print(f"shop.server: cannot serve on {address[0]}:{address[1]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
