"""Loads the corpus, embedder and index of the premise room.

The settings name the corpus, unless an operator has later requested another one (`farm index use`).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from farm.errors import CorpusError
from farm.settings import Settings
from farm.store.corpora import Wish
from workers.embed.embedder import make_embedder
from workers.premises.corpus import SHIPPED, Corpus, load
from workers.premises.index import Index
from workers.premises.source import download
from workers.premises.vectors import load_or_build


@dataclass(frozen=True, slots=True)
class Indexed:
    """A corpus that is ready to answer.

    Attributes:
        model: the name of the embedder that made the index's vectors.
    """

    corpus: Corpus
    index: Index
    model: str

    @property
    def engine(self) -> str:
        """A line that describes the corpus and its embedding model to operators."""
        return f"{len(self.corpus.premises)} premises by {self.model}"


def find_source(settings: Settings) -> Path:
    """Return the data set to load: a folder, a data set on the hub, or the shipped corpus.

    Raises:
        CorpusError: the hub's data set is not available.
    """
    if not settings.data_repo:
        return SHIPPED
    folder = Path(settings.data_repo)
    if folder.is_dir():
        return folder
    cache = settings.data_dir / "hub"
    return download(settings.data_repo, settings.data_revision or None, cache, settings.model_id)


def home(settings: Settings) -> str:
    """Return the settings that name the corpus, as one text.

    An operator's request overrides these settings. If they change, the request no longer applies.
    """
    return f"{settings.data_repo}\n{settings.data_revision}"


def settings_of(wish: Wish, settings: Settings) -> Settings:
    """Return a copy of the settings that names the requested corpus."""
    return settings.model_copy(update={"data_repo": wish.repo, "data_revision": wish.revision})


@contextlib.contextmanager
def fitting() -> Iterator[None]:
    """Within this context, which is for loading a corpus, turn errors of disk or memory into a `CorpusError`.

    Raises:
        CorpusError: the corpus, its vectors or its index do not fit, or a folder cannot be written to.
    """
    try:
        yield
    except (OSError, MemoryError) as error:
        raise CorpusError(f"This host cannot hold the corpus: {error or type(error).__name__}") from error


@fitting()
def load_index(settings: Settings, progress: Callable[[int, int], None], snapshot: str = "") -> Indexed:
    """Return the corpus that the settings name, with its index.

    Args:
        settings: the settings that name the corpus and its embedder.
        progress: if there are no vectors yet, called with the number of premises embedded so far and the number of all
            premises.
        snapshot: the snapshot that the corpus must have; empty accepts any.

    Raises:
        CorpusError: the data set is broken, has another snapshot, or does not fit on this host.
        EmbeddingError, ConfigurationError: the premises cannot be embedded.
    """
    corpus = load(find_source(settings), settings.data_dir / "corpora")
    if snapshot not in ("", corpus.snapshot):
        raise CorpusError(f"{corpus.source} on {socket.gethostname()} is not the requested corpus: {corpus.snapshot}")
    embedder = make_embedder(settings)
    try:
        directory = settings.data_dir / "vectors"
        index = load_or_build(corpus, embedder.embed, directory, embedder.name, progress, settings.model_revision)
    finally:
        embedder.close()
    return Indexed(corpus, index, embedder.name)
