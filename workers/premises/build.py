"""`python -m workers.premises.build [--info]`: what `farm index` starts. It writes one JSON object per line.

`{"done","total"}` after each batch, then `{"index": {…}}`, or `{"error": text}` and exit status 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from farm.errors import FarmError
from farm.settings import Settings, load
from workers.embed.embedder import Embedder, make_embedder
from workers.premises import corpus as corpora
from workers.premises.corpus import Corpus
from workers.premises.loading import find_source
from workers.premises.vectors import find, kept_path, load_or_build


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


def run(settings: Settings, *, build: bool) -> None:
    """Build what is missing, if asked to, and say what there is.

    Raises:
        CorpusError: the data set is broken.
        EmbeddingError, ConfigurationError: its premises cannot be embedded.
    """
    corpus = corpora.load(find_source(settings), settings.data_dir / "corpora")
    embedder = make_embedder(settings)
    try:
        if build:
            show = lambda done, total: _tell(done=done, total=total)  # noqa: E731 - one line of protocol
            directory = settings.data_dir / "vectors"
            load_or_build(corpus, embedder.embed, directory, embedder.name, show, settings.model_revision)
        _tell(index=_describe(settings, corpus, embedder))
    finally:
        embedder.close()


def main() -> int:
    """Run by the settings of the environment."""
    try:
        run(load(), build="--info" not in sys.argv[1:])
    except FarmError as error:
        _tell(error=error.message)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
