"""The vectors of a corpus: they come with the data set, were kept at an earlier start, or are made now."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import structlog

from farm.errors import CorpusError, EmbeddingError
from workers.premises.corpus import Corpus
from workers.premises.draft import Draft
from workers.premises.index import Index
from workers.premises.selectors import Matrix
from workers.premises.source import model_name

Embed = Callable[[list[str]], Matrix]
Progress = Callable[[int, int], None]

_BATCH = 256

_log = structlog.get_logger()


def load_or_build(
    corpus: Corpus, embed: Embed, directory: Path, model: str, progress: Progress, revision: str = ""
) -> Index:
    """Return the index of a corpus; if the corpus has vectors already, nothing is embedded.

    Args:
        corpus: the corpus, with n premises.
        embed: turns up to 256 texts into float32 [len(texts), d].
        directory: where new vectors are kept for the next start.
        model: the embedding model, `owner/name` or `owner/name@revision`.
        progress: called after each batch with the number of premises embedded so far, and n.
        revision: `MODEL_REVISION`, if set; the revision in `model` may be one that the model's server reported.

    Raises:
        CorpusError: vectors of the data set or in `directory` hold numbers out of range.
        EmbeddingError: `embed` failed, or its result is not a finite matrix of that shape.
    """
    if not corpus.premises:
        return Index.build(np.empty((0, 0), np.float32))
    if (found := find(corpus, directory, model, revision)) is None:
        kept = kept_path(corpus, directory, model)
        _embed_all(corpus, embed, kept, progress)
        found = np.load(kept, mmap_mode="r"), kept
    return _index(*found)


def find(
    corpus: Corpus, directory: Path, model: str, revision: str = ""
) -> tuple[npt.NDArray[np.floating], Path] | None:
    """Return the existing vectors of a corpus, memory-mapped, and their file; None if there are none."""
    for path in (*precomputed(corpus, model, revision), kept_path(corpus, directory, model)):
        if (vectors := _read(path, len(corpus.premises))) is not None:
            return vectors, path
    return None


def kept_path(corpus: Corpus, directory: Path, model: str) -> Path:
    """Return the file in which new vectors of a corpus are kept."""
    return directory / f"{model_name(model)}-{_digest(corpus, model)}.npy"


def precomputed(corpus: Corpus, model: str, revision: str = "") -> list[Path]:
    """Return the files in which a data set may keep the vectors of a model: `embeddings/<name>-<revision>.npy`.

    The revision is `MODEL_REVISION`, which by lean-premise-server's convention is the Lean version of the training
    data. If `MODEL_REVISION` is not set, the commit that the embedding service reports is tried, and then the corpus's
    revision.
    """
    tried = dict.fromkeys([model.partition("@")[2] or corpus.revision, revision or corpus.revision])
    return [corpus.source / "embeddings" / f"{model_name(model)}-{each}.npy" for each in tried]


def _digest(corpus: Corpus, model: str) -> str:
    return hashlib.sha256(f"{model}\n{corpus.snapshot}".encode()).hexdigest()[:24]


def _read(path: Path, rows: int) -> npt.NDArray[np.floating] | None:
    """Return the matrix in a file, memory-mapped; None if it cannot be read or does not have this many rows."""
    try:
        # `np.load` would also read a zip or a pickle, if the file holds one.
        matrix: npt.NDArray[np.floating] = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        _log.warning("vectors.unreadable", path=str(path), error=str(error))
        return None
    if matrix.ndim != 2 or len(matrix) != rows or not np.issubdtype(matrix.dtype, np.floating):
        _log.warning("vectors.unfit", path=str(path), kind=str(matrix.dtype), shape=matrix.shape, rows=rows)
        return None
    return matrix


def _index(matrix: npt.NDArray[np.floating], path: Path) -> Index:
    try:
        return Index.build(np.ascontiguousarray(matrix, np.float32))
    except CorpusError as error:
        raise CorpusError(f"{path}: {error.message}") from error


def _embed_all(corpus: Corpus, embed: Embed, path: Path, progress: Progress) -> None:
    """Write the vectors of all premises to `path`, and continue where an earlier try ended.

    The file appears once it is complete.

    Raises:
        EmbeddingError: `embed` failed; its earlier vectors are kept for the next try.
    """
    total = len(corpus.premises)
    with Draft.opened(path, total) as draft:
        if _read(path, total) is not None:
            # Another process had the draft, and has completed it.
            return
        for at in range(draft.rows, total, _BATCH):
            texts = [premise.text for premise in corpus.premises[at : at + _BATCH]]
            vectors = embed(texts)
            _check(vectors, len(texts), draft.shape or vectors.shape[1:])
            draft.append(vectors)
            progress(at + len(texts), total)
        draft.finish()


def _check(vectors: Matrix, rows: int, dimension: tuple[int, ...]) -> None:
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape != (rows, *dimension):
        raise EmbeddingError(f"{rows} texts gave vectors of {vectors.dtype} {vectors.shape}, not float32 {dimension}.")
    if not np.isfinite(vectors).all():
        raise EmbeddingError(f"{rows} texts gave vectors with numbers that are not finite.")
