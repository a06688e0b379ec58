"""An embedding service that costs next to nothing: each text gets one of 4096 vectors that are made beforehand.

python -m tests.bench.instant PORT CORPUS   # until it is ended; CORPUS is of tests/bench/large_corpus.py
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast
from zlib import crc32

import numpy as np
import orjson
import uvloop

from tests.bench.large_corpus import near

_VECTORS = 4096
_INFO = orjson.dumps({"model_id": "instant", "model_sha": "0", "max_client_batch_size": 256})


class _Connection(asyncio.Protocol):
    def __init__(self, rows: list[bytes]) -> None:
        self._rows = rows
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not instances of it.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, rest = self._received[:end].lower(), self._received[end + 4 :]
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._received = rest[length:]
            self._answer(self._embedded(rest[:length]) if length else _INFO)

    def _embedded(self, body: bytes) -> bytes:
        rows = [self._rows[crc32(text.encode()) % _VECTORS] for text in orjson.loads(body)["inputs"]]
        return b"[" + b",".join(rows) + b"]"

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


def _rows(corpus: Path) -> list[bytes]:
    """Return unit vectors out of the space of the corpus, as JSON."""
    rows = near(np.random.default_rng(7), np.load(corpus / "basis.npy"), _VECTORS)
    return [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in rows]


async def serve(port: int, corpus: Path) -> None:
    rows = _rows(corpus)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(rows), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
