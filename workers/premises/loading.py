"""What the premise room loads, as the settings say: corpus, embedder, index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from farm.settings import Settings
from workers.embed.embedder import make_embedder
from workers.premises.corpus import SHIPPED, Corpus, load
from workers.premises.ranking import Ranker
from workers.premises.source import download
from workers.premises.vectors import load_or_build


def find_source(settings: Settings) -> Path:
    """Return the data set to load: a folder, one of the hub's, or the shipped corpus.

    Raises:
        CorpusError: the hub's cannot be had.
    """
    if not settings.data_repo:
        return SHIPPED
    folder = Path(settings.data_repo)
    if folder.is_dir():
        return folder
    cache = settings.data_dir / "hub"
    return download(settings.data_repo, settings.data_revision or None, cache, settings.model_id)


def load_ranker(settings: Settings, progress: Callable[[int, int], None]) -> tuple[Corpus, Ranker, str]:
    """Return the corpus, what ranks its premises, and a line that says what was loaded.

    Raises:
        CorpusError: the data set is broken.
        EmbeddingError, ConfigurationError: its premises cannot be embedded.
    """
    corpus = load(find_source(settings), settings.data_dir / "corpora")
    embedder = make_embedder(settings)
    try:
        directory = settings.data_dir / "vectors"
        index = load_or_build(corpus, embedder.embed, directory, embedder.name, progress, settings.model_revision)
    finally:
        embedder.close()
    return corpus, Ranker(corpus, index), f"{len(corpus.premises)} premises by {embedder.name}"
