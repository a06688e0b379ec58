"""Reads request bodies.

The size of a body is limited while the body arrives, JSON may nest only to a limited depth, and no error quotes a body.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import Request
from pydantic import BaseModel

from api.body_memory import Holding
from farm.errors import InvalidRequest, TooLarge, UnsupportedMediaType

JSON_LIMIT_BYTES = 32 << 20
# The API waits this long for any body. It waits longer only if the body arrives at `_SLOWEST_BYTES_PER_S` or faster.
_PATIENCE_S = 30.0
_SLOWEST_BYTES_PER_S = 64 << 10
_MOST_LINES = 1_000_000
# Brackets inside strings count too; 32 MB of ordinary Lean code has fewer than a million.
_MOST_BRACKETS = 2_000_000
_GZIP_STEP_BYTES = 1 << 20


def content_type(request: Request) -> str:
    """Return the media type of a request without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """Yield the chunks of a body as they arrive.

    The time is limited, because a slow client holds memory that others need. A client may take `_PATIENCE_S` seconds,
    and one second more for every `_SLOWEST_BYTES_PER_S` bytes that it has sent. Only the time spent waiting for
    chunks counts.

    Raises:
        InvalidRequest: the body arrives too slowly.
    """
    chunks, received, waited_s = request.stream(), 0, 0.0
    while True:
        started = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_S + received / _SLOWEST_BYTES_PER_S - waited_s):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            request.state.hangs_up = True
            text = (
                f"The body arrives too slowly: send at least {_SLOWEST_BYTES_PER_S >> 10} kB/s after {_PATIENCE_S:g} s"
            )
            raise InvalidRequest(text) from error
        waited_s += time.monotonic() - started
        received += len(chunk)
        yield chunk


async def read_body(request: Request, limit: int = JSON_LIMIT_BYTES) -> bytes:
    """Return the body of a request.

    Raises:
        TooLarge: the body is longer than `limit` bytes, or its Content-Length says that it will be.
        RateLimited: this process holds too many bytes of request bodies at the moment.
        InvalidRequest: the body arrives too slowly.
    """
    refuse = TooLarge(f"The body is over {limit >> 20} MB: send it as NDJSON or in parts", details={"limit": limit})
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit:
        raise refuse
    body = bytearray()
    async for chunk in arriving(request):
        request.state.holding.add(len(chunk))
        body += chunk
        if len(body) > limit:
            raise refuse
    return bytes(body)


def parse_json(body: bytes) -> Any:
    """Return the JSON value of a body.

    Raises:
        TooLarge: the body may have more than `_MOST_BRACKETS` lists and objects.
        InvalidRequest: the body is not JSON, nests deeper than 1024 levels, or holds lone surrogates.
    """
    # orjson holds the interpreter's lock, so a thread would not help: each million of lists takes a good part of a
    # second, during which nobody else is answered.
    if body.count(b"[") + body.count(b"{") > _MOST_BRACKETS:
        raise TooLarge(
            f"The body has more than {_MOST_BRACKETS} brackets (`[` and `{{`): send it as NDJSON or in parts"
        )
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from error


def count_entries(value: Any, field: str) -> int:
    """Return how many entries the list in a field of a JSON object has; 0 if there is no such list.

    Call this before the entries are validated: a body has room for millions of entries, and validating them takes
    seconds.
    """
    entries = value.get(field) if isinstance(value, dict) else None
    return len(entries) if isinstance(entries, list) else 0


async def read_json(request: Request) -> tuple[Any, bytes]:
    """Return the JSON value of a request's body, and the body's bytes.

    Raises:
        UnsupportedMediaType: the body is not sent as `application/json`.
        TooLarge, RateLimited, InvalidRequest: as `read_body` and `parse_json` do.
    """
    _require_json(request)
    body = await read_body(request)
    return parse_json(body), body


def _require_json(request: Request) -> None:
    if content_type(request) != "application/json":
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("Only NDJSON may be compressed: send JSON without `Content-Encoding`")


async def read_json_or_nothing(request: Request) -> Any:
    """Return the JSON value of a request's body; None if the body is empty.

    Raises:
        UnsupportedMediaType, TooLarge, RateLimited, InvalidRequest: as `read_json` does.
    """
    body = await read_body(request)
    if not body:
        return None
    _require_json(request)
    return parse_json(body)


async def read_json_alone(request: Request, model: type[BaseModel]) -> tuple[Any, bytes]:
    """Return the same as `read_json`, on a route whose options are fields of the body.

    Raises:
        InvalidRequest: the query has a field of the model, which would be ignored; the message says where it belongs.
            Other parameters do no harm: a proxy may have added them.
        UnsupportedMediaType, TooLarge, RateLimited, InvalidRequest: as `read_json` does.
    """
    found = await read_json(request)
    for name in filter(model.model_fields.__contains__, request.query_params):
        text = "with a JSON body, options are fields of the body; only NDJSON has them in the query"
        raise InvalidRequest(f"{name}: {text}", details=[{"loc": ["query", name], "msg": text}])
    return found


async def gunzipped(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Unpack gzip and yield the bytes in pieces of bounded size.

    The caller can thus refuse a gzip bomb before it fills the memory.

    The gzip may have several members, as `cat a.gz b.gz` writes them (RFC 1952, section 2.2).

    Raises:
        InvalidRequest: the body is not gzip, ends too early, or has something other than gzip after a member.
        TooLarge: the compressed body is longer than `limit` bytes. (A body of many empty members can be that long, and
            unpack to nothing.)
    """
    member, received = zlib.decompressobj(wbits=31), 0
    async for chunk in chunks:
        received += len(chunk)
        if received > limit:
            raise TooLarge(f"The body has more than {limit >> 20} MB of gzip: send several batches")
        while chunk:
            if member.eof:
                member = zlib.decompressobj(wbits=31)
            try:
                piece = member.decompress(chunk, _GZIP_STEP_BYTES)
            except zlib.error as error:
                raise InvalidRequest(f"The body is not gzip from its beginning to its end: {error}") from error
            yield piece
            chunk = member.unused_data or member.unconsumed_tail
    if not member.eof:
        raise InvalidRequest("The gzip stream is cut off")


async def lines(chunks: AsyncIterator[bytes], limit: int, holding: Holding) -> AsyncIterator[bytes]:
    """Yield the lines of a streamed body, except blank lines; `holding` holds each line until the caller releases it.

    Raises:
        RateLimited: this process holds too many bytes of request bodies at the moment.
        TooLarge: a line is longer than `limit` bytes, or there are more than `_MOST_LINES` lines, blank ones included.
    """
    rest, seen = bytearray(), 0
    async for chunk in chunks:
        holding.add(len(chunk))
        # A line may come in thousands of chunks, so its earlier chunks are not searched and copied again with each.
        *whole, last = (bytes(rest) + chunk).split(b"\n") if b"\n" in chunk else [chunk]
        if whole:
            rest.clear()
        rest += last
        seen += len(whole)
        if seen > _MOST_LINES:
            raise TooLarge(f"The body has more than {_MOST_LINES} lines")
        holding.release(len(whole))
        for line in whole:
            if line.strip():
                yield line
            else:
                holding.release(len(line))
        if len(rest) > limit:
            raise TooLarge(f"A line is over {limit >> 20} MB")
    if rest.strip():
        yield bytes(rest)
