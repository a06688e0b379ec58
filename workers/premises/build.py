"""`python -m workers.premises.build [--info|--use]`: builds or describes the index; `farm index` runs this.

It writes one JSON object per line: `{"done","total"}` after each batch, `{"workers": n}` when it asks n workers to use
the index, and `{"index": {…}}` at the end. After a failure it writes `{"error": text}` and exits with status 1.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import orjson

from farm.errors import ConfigurationError, CorpusError, FarmError
from farm.local.runtime import read_runtime
from farm.settings import Settings, load
from farm.store.connection import connect
from farm.store.corpora import Corpora, Wish
from workers.embed.embedder import Embedder, make_embedder
from workers.premises.corpus import Corpus
from workers.premises.corpus import load as load_corpus
from workers.premises.loading import find_source, fitting
from workers.premises.vectors import find, kept_path, load_or_build

_LOOK_S = 0.2


def _tell(**fields: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(fields) + b"\n")
    sys.stdout.buffer.flush()


def _describe(settings: Settings, corpus: Corpus, embedder: Embedder) -> dict[str, Any]:
    directory = settings.data_dir / "vectors"
    found = find(corpus, directory, embedder.name, settings.model_revision) if corpus.premises else None
    path = found[1] if found else kept_path(corpus, directory, embedder.name)
    return {
        "corpus": str(corpus.source),
        "revision": corpus.revision,
        "snapshot": corpus.snapshot,
        "modules": len(corpus.modules),
        "premises": len(corpus.premises),
        "unfiltered": len(corpus.unfiltered),
        "model": embedder.name,
        "dimension": embedder.dimension,
        "built": found is not None,
        "files": [{"path": str(path.absolute()), "bytes": _size(path)}],
    }


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@fitting()
def run(settings: Settings, *, build: bool) -> dict[str, Any]:
    """If `build` is set, build the vectors and the index that are missing. Return a description of the index.

    Raises:
        CorpusError: the data set is broken, or does not fit on this host.
        EmbeddingError, ConfigurationError: the premises cannot be embedded.
    """
    corpus = load_corpus(find_source(settings), settings.data_dir / "corpora")
    embedder = make_embedder(settings)
    try:
        if build:
            show = lambda done, total: _tell(done=done, total=total)  # noqa: E731 - one line of protocol
            directory = settings.data_dir / "vectors"
            load_or_build(corpus, embedder.embed, directory, embedder.name, show, settings.model_revision)
        return _describe(settings, corpus, embedder)
    finally:
        embedder.close()


def use(settings: Settings, index: dict[str, Any]) -> None:
    """Make the premise workers answer with the corpus that the settings name, and wait until all of them do.

    Args:
        settings: the settings that name the corpus.
        index: the description that `run` returned.

    Raises:
        ConfigurationError: no farm runs on the data folder, and `REDIS_URL` is not set.
        CorpusError: no premise worker runs, a worker cannot use the corpus, or another corpus was requested meanwhile.
        StoreUnavailable: Redis does not answer.
    """
    runtime = read_runtime(settings.data_dir)
    url = settings.redis_url or (runtime.redis_url if runtime else "")
    if not url:
        raise ConfigurationError(f"No farm runs on {settings.data_dir.absolute()}: set DATA_DIR or REDIS_URL")
    corpora = Corpora(connect(url))
    if not (workers := corpora.workers()):
        raise CorpusError("No premise worker is running: `python -m workers.premises` starts one")
    wish = Wish(*_pinned(settings, Path(index["corpus"])), index["snapshot"])
    corpora.want(wish)
    _tell(workers=len(workers))
    _await(corpora, wish)


def _pinned(settings: Settings, source: Path) -> tuple[str, str]:
    """Return repository and revision in a form that means the same to every worker: a full path, or a commit."""
    if not settings.data_repo:
        return "", ""
    if Path(settings.data_repo).is_dir():
        return str(source.absolute()), ""
    # The hub's client names a snapshot's folder after its commit.
    return settings.data_repo, source.name


def _await(corpora: Corpora, wish: Wish) -> None:
    while not ((outcome := corpora.outcome(wish)) and corpora.edition().startswith(wish.snapshot)):
        if outcome and outcome.failure:
            raise CorpusError(f"The corpus was not switched, and the previous one still answers: {outcome.failure}")
        if corpora.wanted() != wish:
            raise CorpusError("Another corpus was requested meanwhile")
        time.sleep(_LOOK_S)


def main() -> int:
    """Run with the settings from the environment; return the exit status."""
    try:
        settings = load()
        index = run(settings, build="--info" not in sys.argv[1:])
        if "--use" in sys.argv[1:]:
            use(settings, index)
        _tell(index=index)
    except FarmError as error:
        _tell(error=error.message)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
