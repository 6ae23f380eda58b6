"""A network that cuts connections: before, amid and after a request, and amid its answer."""

import random
import socket
import struct
import threading
from collections import Counter

CHUNK_BYTES = 65_536
_RESET = struct.pack("ii", 1, 0)


class CuttingProxy:
    """Passes bytes on, and cuts a connection at each passing with some probability."""

    def __init__(self, port: int, *, cut_share: float, seed: int):
        self.upstream = ("127.0.0.1", port)
        self.cut_share, self.seed = cut_share, seed
        self.chance, self.lock = random.Random(seed), threading.Lock()
        self.cuts: Counter[str] = Counter()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.closing = True
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.upstream)
            except OSError:
                client.close()
                continue
            if self._cut("on connecting"):
                _end(client, server, reset=True)
                continue
            for direction in (("request", client, server), ("answer", server, client)):
                threading.Thread(
                    target=self._pump, args=(*direction, client, server), daemon=True
                ).start()

    def _pump(
        self,
        what: str,
        source: socket.socket,
        target: socket.socket,
        client: socket.socket,
        server: socket.socket,
    ) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                if self._cut(f"amid the {what}"):
                    with self.lock:
                        part = self.chance.randrange(len(chunk))
                    target.sendall(chunk[:part])
                    break
                target.sendall(chunk)
                if what == "request" and self._cut("after the request"):
                    break
        except OSError:
            pass
        with self.lock:
            reset = self.chance.random() < 0.5
        _end(client, server, reset=reset)

    def _cut(self, where: str) -> bool:
        with self.lock:
            cut = not self.closing and self.chance.random() < self.cut_share
            self.cuts[where] += cut
        return cut


def _end(client: socket.socket, server: socket.socket, *, reset: bool) -> None:
    for end in (client, server):
        try:
            if reset and end is client:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        end.close()
