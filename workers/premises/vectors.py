"""The vectors of a corpus: those that come with the data set, those of an earlier start, or new ones."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.format import open_memmap

from farm.errors import CorpusError, EmbeddingError
from workers.premises.corpus import Corpus
from workers.premises.index import Index, Matrix
from workers.premises.source import model_name

Embed = Callable[[list[str]], Matrix]
Progress = Callable[[int, int], None]

_BATCH = 256

_log = logging.getLogger(__name__)


def load_or_build(corpus: Corpus, embed: Embed, directory: Path, model: str, progress: Progress) -> Index:
    """Return the index of a corpus, without embedding anything where vectors can be had.

    Args:
        corpus: the premises, n of them.
        embed: texts to float32 [len(texts), d], for batches of 256.
        directory: where new vectors are kept for the next start.
        model: the embedding model, `owner/name` or `owner/name@revision`.
        progress: told the premises embedded so far and n, after each batch.

    Raises:
        CorpusError: vectors of the data set or in `directory` hold numbers out of range.
        EmbeddingError: `embed` failed, or gave no finite matrix of that shape.
    """
    if not corpus.premises:
        return Index.build(np.empty((0, 0), np.float32))
    kept = directory / f"{model_name(model)}-{_digest(corpus, model)}.npy"
    for path in (precomputed(corpus, model), kept):
        if (vectors := _read(path, len(corpus.premises))) is not None:
            return _index(vectors, path)
    _embed_all(corpus, embed, kept, progress)
    return _index(np.load(kept, mmap_mode="r"), kept)


def precomputed(corpus: Corpus, model: str) -> Path:
    """Return where the data set keeps the vectors of a model: `embeddings/<name>-<revision>.npy`.

    The revision is the model's, which by lean-premise-server's convention is the Lean version of its training data;
    without one it is the corpus's.
    """
    revision = model.partition("@")[2] or corpus.revision
    return corpus.source / "embeddings" / f"{model_name(model)}-{revision}.npy"


def _digest(corpus: Corpus, model: str) -> str:
    return hashlib.sha256(f"{model}\n{corpus.snapshot}".encode()).hexdigest()[:24]


def _read(path: Path, rows: int) -> npt.NDArray[np.floating] | None:
    """Return the matrix of a file, memory-mapped, if it has this many rows."""
    try:
        matrix: npt.NDArray[np.floating] = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        _log.warning("%s cannot be read and is not used: %s", path, error)
        return None
    if matrix.ndim != 2 or len(matrix) != rows or not np.issubdtype(matrix.dtype, np.floating):
        _log.warning("%s is not used: %s %s, not %d rows", path, matrix.dtype, matrix.shape, rows)
        return None
    return matrix


def _index(matrix: npt.NDArray[np.floating], path: Path) -> Index:
    try:
        return Index.build(np.ascontiguousarray(matrix, np.float32))
    except CorpusError as error:
        raise CorpusError(f"{path}: {error.message}") from error


def _embed_all(corpus: Corpus, embed: Embed, path: Path, progress: Progress) -> None:
    """Write the vectors of all premises to `path`, which appears when it is complete."""
    total, matrix = len(corpus.premises), None
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        for at in range(0, total, _BATCH):
            texts = [premise.text for premise in corpus.premises[at : at + _BATCH]]
            vectors = embed(texts)
            _check(vectors, len(texts), vectors.shape[1:] if matrix is None else matrix.shape[1:])
            if matrix is None:
                matrix = open_memmap(scratch, "w+", np.float32, (total, vectors.shape[1]))
            matrix[at : at + len(texts)] = vectors
            progress(at + len(texts), total)
        _sync(scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _check(vectors: Matrix, rows: int, dimension: tuple[int, ...]) -> None:
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape != (rows, *dimension):
        raise EmbeddingError(f"{rows} texts gave vectors of {vectors.dtype} {vectors.shape}, not float32 {dimension}.")
    if not np.isfinite(vectors).all():
        raise EmbeddingError(f"{rows} texts gave vectors with numbers that are not finite.")


def _sync(path: Path) -> None:
    """Bring a file to the disk before its rename, or a power cut could leave zeros under the final name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
