"""A farm that answers as a test tells it to, over real HTTP, and remembers the requests."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from farm.models import Reason, verdict

_PREMISE = {"score": 0.5, "name": "a", "kind": None, "module": None, "statement": "a"}
_TRIED = {"status": "open"}


@dataclass(frozen=True)
class Asked:
    """A request as it arrived.

    Attributes:
        port: the client's, by which its connections are told apart.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    port: int

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Scripted:
    """One answer.

    Attributes:
        chunks: the body, one HTTP chunk each.
        whole: whether the answer ends as it should; otherwise its connection is cut after the last chunk.
        status: 0 cuts the connection before any answer.
    """

    status: int = 200
    chunks: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    whole: bool = True


LOST = Scripted(status=0, whole=False)


def answer(value: Any, status: int = 200, **headers: str) -> Scripted:
    """Answer with JSON; underscores in header names stand for dashes."""
    return Scripted(status, [json.dumps(value).encode()], {k.replace("_", "-"): v for k, v in headers.items()})


def refuse(status: int, code: str, message: str = "no", **headers: str) -> Scripted:
    """Answer with an error in the shape of /v1."""
    return answer({"error": {"code": code, "message": message, "details": {"why": code}}}, status, **headers)


def stream(*lines: dict[str, Any], whole: bool = True, tail: bytes = b"") -> Scripted:
    """Answer with NDJSON, one chunk per line, and an unfinished line at the end if `tail` is given."""
    chunks = [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
    return Scripted(200, [*chunks, tail] if tail else chunks, {"Content-Type": "application/x-ndjson"}, whole)


def verdict_json(index: int, reason: Reason | None = None, id: str | None = None) -> dict[str, Any]:
    return verdict(id or str(index), index, reason=reason).dump()


def line(index: int, number: int) -> dict[str, Any]:
    """The verdict at an index, as the stream's line of that number."""
    return {"cursor": f"{number}-0", "result": verdict_json(index)}


def status_json(batch_id: str = "b1", *, total: int = 3, done: int = 0, state: str = "running") -> dict[str, Any]:
    return {"batch_id": batch_id, "state": state, "total": total, "done": done, "counts": {}, "created_at": 1.0}


def accepted(total: int = 1, batch_id: str = "b1") -> Scripted:
    return answer({"batch_id": batch_id, "total": total, "links": {}}, 202)


def results(*verdicts: dict[str, Any]) -> Scripted:
    """Answer a `verify` with its verdicts."""
    return answer({"results": list(verdicts)})


def checked(*ids: str) -> Scripted:
    """Answer a `check` about these snippets."""
    return answer({"results": [{"id": each, "time": 0.1, "response": {}} for each in ids]})


def goals(*counts: int) -> Scripted:
    """Answer a `tactics`: how many candidates were tried on each goal."""
    found = [{"id": str(at), "candidates": [_TRIED] * count} for at, count in enumerate(counts)]
    return answer({"results": found})


def premises(*counts: int) -> Scripted:
    """Answer a `retrieve_many`: how many premises there are for each goal."""
    return answer({"results": [{"premises": [_PREMISE] * count} for count in counts], "timings_s": {}})


def item(index: int) -> Scripted:
    """Answer an `item`."""
    return answer({"index": index, "proof": {"code": "x"}})


def stream_of(*reasons: Reason | None, ids: str = "0123") -> Scripted:
    """The stream of a batch, the last proof first; each id is a letter."""
    ordered = list(reversed(list(enumerate(reasons))))
    lines = [
        {"cursor": f"{number}-0", "result": verdict_json(index, reason, ids[index])}
        for number, (index, reason) in enumerate(ordered, 1)
    ]
    return stream(*lines, {"cursor": "9-0", "done": True})


def finished(batch_id: str, total: int = 1) -> Scripted:
    """Answer with the status of a batch that is done."""
    return answer(
        {**status_json(batch_id, total=total, state="done"), "options": {"timeout_s": 60.0, "level": "compiled"}}
    )


class ScriptedFarm:
    """The answers still to give, and the requests so far."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._answers: deque[Scripted] = deque()

    def script(self, *answers: Scripted) -> None:
        self._answers.extend(answers)

    def next_answer(self, asked: Asked) -> Scripted:
        self.asked.append(asked)
        return self._answers.popleft() if self._answers else refuse(500, "internal", "nothing is scripted for this")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, url.path, dict(parse_qsl(url.query)), headers, body, self.client_address[1])
        self._give(self.server.scripted.next_answer(asked))

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names http.server calls

    def _give(self, scripted: Scripted) -> None:
        if scripted.status:
            self.send_response(scripted.status)
            self.send_header("Transfer-Encoding", "chunked")
            for name, value in scripted.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for chunk in scripted.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if scripted.whole:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    scripted: ScriptedFarm

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about clients that stop reading: some tests do."""


@contextmanager
def serve() -> Iterator[ScriptedFarm]:
    """Run a scripted farm on a free loopback port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.scripted = ScriptedFarm(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.scripted
        finally:
            server.shutdown()
            thread.join()


def paths(scripted: ScriptedFarm) -> list[str]:
    """Return what was asked about batches, in order."""
    return [f"{asked.method} {asked.path.removeprefix('/v1/batches')}" for asked in scripted.asked]
