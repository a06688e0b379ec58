"""Embedding by text-embeddings-inference, with one or more servers of the same model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import orjson
import structlog
from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_random_exponential

from farm.errors import ConfigurationError, EmbeddingError
from farm.settings import Settings
from workers.embed.failures import Busy, CallRejected, InputRejected, ServiceDown
from workers.embed.tei import Info, TeiServer
from workers.embed.tei_rotation import Rotation, Turn
from workers.embed.vectors import Vectors, checked

UNKNOWN_MODEL = "tei"
"""The name of a model that neither the settings nor the servers name."""

# TEI refuses bodies over 2 MB.
_MOST_BYTES = 1_500_000
_LEAST_TIMEOUT_S = 0.05
_INFO_TIMEOUT_S = 5.0
_wait = wait_random_exponential(multiplier=0.05, max=2)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The inputs of one call as JSON strings, and the position of the first among the texts."""

    inputs: list[bytes]
    first: int

    def halves(self) -> tuple[_Chunk, _Chunk]:
        middle = len(self.inputs) // 2
        return _Chunk(self.inputs[:middle], self.first), _Chunk(self.inputs[middle:], self.first + middle)


class TeiPool:
    """Embeds with the servers of `EMBED_SERVICE_URL`; asks them at the start for their model and its dimension.

    Attributes:
        name: model and revision, from the settings if they are set there, else from the servers.
        notice: a sentence for the operator if the servers serve a model other than the one that the settings name.
        dimension: how many numbers a vector has.

    Raises:
        EmbeddingError: none of the servers can be used now.
        ConfigurationError: a URL is invalid, or the servers serve different models.
    """

    kind = "tei"

    def __init__(self, settings: Settings) -> None:
        urls = settings.embed_service_urls
        self._rotation = Rotation([TeiServer(url, settings.embed_api_key) for url in urls])
        self._timeout_s = settings.embed_service_timeout
        in_flight = settings.embed_service_max_concurrent_inputs
        # `_callers` calls at once, each with `_most` inputs, never have more inputs in flight than the setting allows.
        self._callers = min(len(urls), in_flight)
        self._most = min(settings.max_client_batch_size, in_flight // self._callers)
        # If there are several servers, a call that hangs or is refused on one server may be sent to another.
        self._has_others = len(urls) > 1
        self._threads = ThreadPoolExecutor(self._callers, "tei") if self._callers > 1 else None
        try:
            self._served = self._greet_all()
            self.name = _name(settings, self._served)
            self.notice = _notice(settings, self._served)
            self.dimension = 0
            self.dimension = self._embed_chunk(_Chunk([b'"dimension"'], 0)).shape[1]
        except BaseException:
            self.close()
            raise

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, float32 `[len(texts), dimension]`, normalised if the servers do so.

        Raises:
            InputRejected: a server does not accept one of the texts.
            EmbeddingError: the servers cannot be reached, are overloaded for too long, or give unusable answers.
        """
        chunks = list(_chunks([_json(text, at) for at, text in enumerate(texts)], self._most))
        if not chunks:
            return np.zeros((0, self.dimension), np.float32)
        if self._threads is None or len(chunks) == 1:
            return np.concatenate([self._embed_chunk(chunk) for chunk in chunks])
        return np.concatenate(list(self._threads.map(self._embed_chunk, chunks)))

    def close(self) -> None:
        """Close the connections; calls under way are waited for."""
        if self._threads:
            self._threads.shutdown(cancel_futures=True)
        for turn in self._rotation.turns:
            turn.endpoint.close()

    def _greet_all(self) -> Info:
        """Return the model that the servers report; servers that do not answer are left out."""
        found: list[Info] = []
        failures: list[EmbeddingError] = []
        for turn in self._rotation.turns:
            try:
                found.append(turn.endpoint.info(min(self._timeout_s, _INFO_TIMEOUT_S)))
                turn.is_known, turn.known_at = True, turn.endpoint.connections
            except EmbeddingError as error:
                failures.append(error)
        if not found:
            raise failures[0]
        if len({(info.model, info.revision) for info in found}) > 1:
            served = ", ".join(sorted({info.model or "unknown" for info in found}))
            raise ConfigurationError(f"The servers of EMBED_SERVICE_URL serve different models or revisions ({served})")
        self._most = min([self._most, *(info.max_batch for info in found if info.max_batch)])
        return found[0]

    def _embed_chunk(self, chunk: _Chunk) -> Vectors:
        """Embed the inputs of one call; if the call is rejected, halve it until the input to blame stands alone."""
        if len(chunk.inputs) > self._most:
            # The limit has been lowered since the texts were divided.
            return self._embed_halves(chunk)
        try:
            return self._call(chunk.inputs)
        except CallRejected as error:
            if len(chunk.inputs) == 1:
                raise InputRejected(error.message, chunk.first) from error
        rows = self._embed_halves(chunk)
        # Nothing was wrong with the inputs, so there were too many of them.
        self._most = min(self._most, len(chunk.inputs) // 2)
        return rows

    def _embed_halves(self, chunk: _Chunk) -> Vectors:
        return np.concatenate([self._embed_chunk(half) for half in chunk.halves()])

    def _call(self, inputs: list[bytes]) -> Vectors:
        deadline = time.monotonic() + self._timeout_s
        patiently = Retrying(
            retry=retry_if_exception_type(ServiceDown if self._has_others else Busy),
            wait=_wait,
            stop=stop_before_delay(self._timeout_s),
            reraise=True,
        )
        return patiently(self._attempt, inputs, deadline)

    def _attempt(self, inputs: list[bytes], deadline: float) -> Vectors:
        """Embed with one server; if that server fails with these inputs, ask each other server once.

        If another server succeeds, the inputs were not to blame, so a server that failed with them rests.
        """
        asked: list[Turn] = []
        failed: dict[Turn, EmbeddingError] = {}
        while len(asked) < len(self._rotation.turns):
            try:
                rows = self._ask(inputs, deadline, asked)
            except CallRejected:
                raise
            except EmbeddingError as error:
                if not isinstance(error, ServiceDown):
                    failed[asked[-1]] = error
                elif not failed:
                    raise
            else:
                self._rest(failed)
                return rows
        raise next(iter(failed.values()))

    def _rest(self, failed: dict[Turn, EmbeddingError]) -> None:
        for turn, error in failed.items():
            _log.warning("embedding.server_rests", error=error.message)
            self._rotation.rest(turn)

    def _ask(self, inputs: list[bytes], deadline: float, asked: list[Turn]) -> Vectors:
        """Embed with a server that is not among `asked`, and add it to them."""
        remaining_s = max(_LEAST_TIMEOUT_S, (deadline - time.monotonic()) / (2 if self._has_others else 1))
        with self._rotation.lend(len(inputs), without=asked) as turn:
            asked.append(turn)
            self._check_model(turn, remaining_s)
            rows = turn.endpoint.embed(inputs, remaining_s)
            # If the server restarted meanwhile, these rows may be another model's.
            self._check_model(turn, remaining_s)
            return checked(rows, len(inputs), self.dimension, str(turn.endpoint))

    def _check_model(self, turn: Turn, timeout_s: float) -> None:
        """Make sure that a server that was away, or has a new connection, serves the same model as before."""
        connections = turn.endpoint.connections
        if turn.is_known and turn.known_at == connections:
            return
        info = turn.endpoint.info(min(timeout_s, _INFO_TIMEOUT_S))
        if (info.model, info.revision) != (self._served.model, self._served.revision):
            raise Busy(f"{turn.endpoint} now serves {info.model or 'an unknown model'}: restart the farm's workers")
        # This is the count from before the call: if another thread has opened a connection meanwhile, the server may
        # have restarted, and is asked again.
        turn.is_known, turn.known_at = True, connections


def _json(text: str, position: int) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError as error:
        raise InputRejected("The text is not valid Unicode", position) from error


def _chunks(inputs: list[bytes], most: int) -> Iterator[_Chunk]:
    """Yield runs of at most `most` inputs and 1.5 MB; a longer input makes a run of its own."""
    start, size = 0, 0
    for at, item in enumerate(inputs):
        if at > start and (at - start >= most or size + len(item) > _MOST_BYTES):
            yield _Chunk(inputs[start:at], start)
            start, size = at, 0
        size += len(item) + 1
    if inputs:
        yield _Chunk(inputs[start:], start)


def _name(settings: Settings, served: Info) -> str:
    model = settings.model_id or served.model or UNKNOWN_MODEL
    revision = settings.model_revision or served.revision
    return f"{model}@{revision}" if revision else model


def _notice(settings: Settings, served: Info) -> str:
    # A server may name its model by a folder, whose path then has the model's own name as a part.
    wanted, found = settings.model_id, served.model
    if not wanted or not found or wanted.split("/")[-1] in found.replace("\\", "/").split("/"):
        return ""
    return f"MODEL_ID is {wanted}, but the embedding service serves {found}: set MODEL_ID to what is served."
