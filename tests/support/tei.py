"""A stand-in for text-embeddings-inference 1.9: the same routes, limits and failures over real HTTP, and no model.

with Tei(dimension=8, max_client_batch_size=32) as tei:
    tei.then(429, CLOSE)                      # what the next calls of /embed meet; after that all is well
    TeiPool(Settings(embed_service_url=tei.url))

python -m tests.support.tei PORT [DIMENSION]  # until Ctrl-C
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterable
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

CLOSE = "the connection is closed without an answer"
HOLD = "the answer waits for release()"
ENDLESS = "the answer is white space that never ends"
GARBAGE = "the answer is not JSON"
TOO_FEW = "a row is missing"
TOO_SHORT = "every row lacks a number"
RAGGED = "the last row lacks a number"
NAN = "a number is null, which is how JSON says NaN"
HUGE = "a number is out of float32's range"
Fault = int | str
"""A status, or one of the above."""

_MOST_BYTES = 2_000_000
_HOLD_S = 30


def vector(text: str, dimension: int) -> NDArray[np.float32]:
    """Return the unit vector of a text, float32 `[dimension]`; it depends only on the text."""
    seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    row = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return cast("NDArray[np.float32]", row / np.linalg.norm(row))


class Tei:
    """A server in a thread; a context manager.

    Attributes:
        info: the answer to `/info`; with None, the answer is a 404.
        bad_inputs: texts that are always refused with `bad_status`, alone or together with others.
        too_many_status: the status of a call over `max_client_batch_size`; 413 by its documentation, 422 by its code.
        api_key: the key that it requires as a bearer token; empty if it requires none.
        always: the fault that every call of `/embed` meets, after the faults of `then`.
        greetings: how often `/info` was asked for.
        calls: the inputs of every call of `/embed`, refused ones too.
        most_in_flight: the largest number of inputs that were being embedded at once.
    """

    def __init__(
        self,
        dimension: int = 8,
        *,
        max_client_batch_size: int = 32,
        model_id: str = "stand-in/model",
        model_sha: str = "c0ffee",
        port: int = 0,
    ) -> None:
        self.dimension = dimension
        self.max_client_batch_size = max_client_batch_size
        self.info: dict[str, Any] | None = {
            "model_id": model_id,
            "model_sha": model_sha,
            "model_dtype": "float16",
            "model_type": {"embedding": {"pooling": "mean"}},
            "max_concurrent_requests": 512,
            "max_input_length": 512,
            "max_batch_tokens": 16384,
            "max_client_batch_size": max_client_batch_size,
            "auto_truncate": True,
            "version": "1.9.0",
        }
        self.bad_inputs: set[str] = set()
        self.bad_status = 422
        self.too_many_status = 422
        self.api_key = ""
        self.always: Fault | None = None
        self.greetings = 0
        self.calls: list[list[str]] = []
        self.most_in_flight = 0
        self._in_flight = 0
        self._faults: deque[Fault | None] = deque()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.tei = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def port(self) -> int:
        return self._server.server_port

    def then(self, *faults: Fault | None) -> None:
        """Set a fault for each of the next calls of `/embed`, in order; None means no fault."""
        self._faults.extend(faults)

    def then_nothing(self) -> None:
        """Remove the faults that no call has met yet."""
        self._faults.clear()

    def release(self) -> None:
        """Send the answers that are held back, and hold back no more."""
        self._released.set()

    def drop_connections(self) -> None:
        """Close every open connection, as a restart would."""
        self._server.close_all()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.close_all()
        self._server.server_close()
        self._thread.join()

    # The threads of the server call the methods below.

    def take_fault(self) -> Fault | None:
        return self._faults.popleft() if self._faults else self.always

    def count(self, inputs: int) -> None:
        with self._lock:
            self._in_flight += inputs
            self.most_in_flight = max(self.most_in_flight, self._in_flight)

    def hold(self) -> None:
        self._released.wait(_HOLD_S)

    def refusal(self, inputs: list[str]) -> tuple[int, str] | None:
        """Return status and type of the error that these inputs get whatever else happens."""
        if not inputs:
            return 422, "Empty"
        if len(inputs) > self.max_client_batch_size:
            return self.too_many_status, "Validation"
        return (self.bad_status, "Validation") if self.bad_inputs.intersection(inputs) else None

    def rows(self, inputs: Iterable[str], fault: Fault | None) -> list[list[float | None]]:
        """Return the answer to inputs, altered by a fault that concerns its content."""
        rows: list[list[float | None]] = [vector(text, self.dimension).tolist() for text in inputs]
        match fault:
            case str() if fault == TOO_FEW:
                rows.pop()
            case str() if fault == TOO_SHORT:
                rows = [row[:-1] for row in rows]
            case str() if fault == RAGGED:
                rows[-1].pop()
            case str() if fault in (NAN, HUGE):
                rows[-1][0] = None if fault == NAN else 1e39
        return rows


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tei: Tei

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: clients may give up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise Nagle's algorithm and delayed acknowledgements cost 40 ms per answer.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        tei = self.server.tei
        if self.path == "/health":
            self._answer(200, None)
        elif self.path == "/info":
            tei.greetings += 1
            self._answer_info(tei.info)
        else:
            self._answer(404, {"error": "Not found"})

    def _answer_info(self, info: dict[str, Any] | None) -> None:
        if info is None:
            self._answer(404, {"error": "Not found"})
        elif self._is_allowed():
            self._answer(200, info)
        else:
            self._answer(401, {"error": "Unauthorized", "error_type": "Unauthorized"})

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        body = self.rfile.read(length)
        if self.path != "/embed":
            self._answer(404, {"error": "Not found"})
        elif not self._is_allowed():
            self._answer(401, {"error": "Unauthorized", "error_type": "Unauthorized"})
        elif length > _MOST_BYTES:
            self._answer(413, {"error": "length limit exceeded", "error_type": "Validation"})
        else:
            self._embed(json.loads(body)["inputs"])

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: tests have their own output."""

    def _is_allowed(self) -> bool:
        key = self.server.tei.api_key
        return not key or self.headers.get("authorization") == f"Bearer {key}"

    def _embed(self, given: str | list[str]) -> None:
        tei, inputs = self.server.tei, [given] if isinstance(given, str) else given
        tei.calls.append(inputs)
        if refusal := tei.refusal(inputs):
            self._answer(refusal[0], {"error": "`inputs` are not accepted", "error_type": refusal[1]})
            return
        tei.count(len(inputs))
        try:
            self._embed_with(tei.take_fault(), inputs)
        finally:
            tei.count(-len(inputs))

    def _embed_with(self, fault: Fault | None, inputs: list[str]) -> None:
        tei = self.server.tei
        if isinstance(fault, int):
            self._answer(fault, {"error": "as told", "error_type": "Overloaded"})
        elif fault == CLOSE:
            self.close_connection = True
        elif fault == GARBAGE:
            self._answer(200, "<html>")
        elif fault == ENDLESS:
            self._answer_endlessly()
        else:
            if fault == HOLD:
                tei.hold()
            self._answer(200, tei.rows(inputs, fault))

    def _answer(self, status: int, value: Any) -> None:
        body = value.encode() if isinstance(value, str) else b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if 300 <= status < 400:
            self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def _answer_endlessly(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"4\r\n    \r\n")
            self.wfile.flush()


def main(port: str, dimension: str = "768") -> None:
    """Serve until Ctrl-C."""
    with Tei(int(dimension), port=int(port)) as tei:
        print(tei.url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
