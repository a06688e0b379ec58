"""Vectors: those of the data set, those of an earlier start, or new ones."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from farm.errors import CorpusError, EmbeddingError
from workers.premises.corpus import Corpus
from workers.premises.index import Index
from workers.premises.selectors import Matrix, Selection
from workers.premises.vectors import load_or_build, precomputed

from .conftest import DataSet, declaration

MODEL = "owner/name"


class Embedder:
    """Gives each text a vector of its length and remembers what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, texts: list[str]) -> Matrix:
        self.batches.append(texts)
        return np.array([[len(text), 1.0] for text in texts], np.float32)


@pytest.fixture
def corpus(data_set: DataSet) -> Corpus:
    return data_set.write(
        {"M": [declaration(f"premise{n}", doc="Said so." if n % 2 else None) for n in range(600)]}
    ).load()


def first_row(index: Index) -> list[float]:
    """Return the first vector, read back by the two unit queries."""
    scores, _ = index.search(np.eye(2, dtype=np.float32), 1, Selection.of(np.arange(len(index)) == 0))
    return [float(score) for score in scores[:, 0]]


def silent(done: int, total: int) -> None:
    """Progress nobody looks at."""


def give(path: Path, matrix: object) -> None:
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.asarray(matrix))


def test_premises_are_embedded_once(corpus: Corpus, tmp_path: Path) -> None:
    embed, progress = Embedder(), list[tuple[int, int]]()
    index = load_or_build(corpus, embed, tmp_path / "kept", MODEL, lambda *seen: progress.append(seen))
    assert [text for batch in embed.batches for text in batch] == [premise.text for premise in corpus.premises]
    assert [len(batch) for batch in embed.batches] == [256, 256, 88]
    assert progress == [(256, 600), (512, 600), (600, 600)]
    assert (len(index), index.dimension) == (600, 2)
    assert first_row(index) == [len(corpus.premises[0].text), 1.0]
    again = Embedder()
    assert first_row(load_or_build(corpus, again, tmp_path / "kept", MODEL, silent)) == first_row(index)
    assert again.batches == []


def test_another_model_revision_or_corpus_is_embedded_anew(corpus: Corpus, data_set: DataSet, tmp_path: Path) -> None:
    load_or_build(corpus, Embedder(), tmp_path, MODEL, silent)
    for model in ("owner/other", "else/name", "owner/name@v2"):
        embed = Embedder()
        load_or_build(corpus, embed, tmp_path, model, silent)
        assert embed.batches
    embed = Embedder()
    load_or_build(data_set.write({"M": [f"other{n}" for n in range(600)]}).load(), embed, tmp_path, MODEL, silent)
    assert embed.batches


@pytest.mark.parametrize(
    ("model", "file"), [(MODEL, "name-v4.31.0.npy"), (f"{MODEL}@v4.33.0", "name-v4.33.0.npy"), ("m", "m-v4.31.0.npy")]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_vectors_of_the_data_set_are_used(
    corpus: Corpus, data_set: DataSet, tmp_path: Path, model: str, file: str, dtype: type
) -> None:
    assert precomputed(corpus, model)[0] == data_set.folder / "embeddings" / file
    give(precomputed(corpus, model)[0], np.full((600, 2), 0.25, dtype))
    embed = Embedder()
    assert first_row(load_or_build(corpus, embed, tmp_path / "kept", model, silent)) == [0.25, 0.25]
    assert embed.batches == []
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("matrix", [np.ones((599, 2), np.float32), np.ones(600, np.float32), np.ones((600, 2), int)])
def test_vectors_of_other_premises_are_not_used(corpus: Corpus, tmp_path: Path, matrix: object) -> None:
    give(precomputed(corpus, MODEL)[0], matrix)
    embed = Embedder()
    load_or_build(corpus, embed, tmp_path, MODEL, silent)
    assert embed.batches


def test_vectors_of_the_data_set_must_be_numbers(corpus: Corpus, tmp_path: Path) -> None:
    give(precomputed(corpus, MODEL)[0], np.full((600, 2), np.nan, np.float32))
    with pytest.raises(CorpusError, match=r"name-v4\.31\.0\.npy: The vectors of premises 0 to 599"):
        load_or_build(corpus, Embedder(), tmp_path, MODEL, silent)


def test_a_broken_kept_file_is_made_again(corpus: Corpus, tmp_path: Path) -> None:
    load_or_build(corpus, Embedder(), tmp_path / "kept", MODEL, silent)
    (kept,) = (tmp_path / "kept").iterdir()
    whole = kept.read_bytes()
    zipped = io.BytesIO()
    np.savez(zipped, np.ones((600, 2), np.float32))
    for broken in (whole[:1000], b"", b"nonsense", b"PK\x03\x04junk", zipped.getvalue()):
        kept.write_bytes(broken)
        embed = Embedder()
        load_or_build(corpus, embed, tmp_path / "kept", MODEL, silent)
        assert embed.batches
        assert kept.read_bytes() == whole


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (np.ones((255, 2), np.float32), r"256 texts gave vectors of float32 \(255, 2\)"),
        (np.ones((256, 2), np.float64), "256 texts gave vectors of float64"),
        (np.ones(256, np.float32), "256 texts gave vectors of float32"),
        (np.full((256, 2), np.nan, np.float32), "256 texts gave vectors with numbers that are not finite"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(
    corpus: Corpus, tmp_path: Path, answer: Matrix, complaint: str
) -> None:
    with pytest.raises(EmbeddingError, match=complaint):
        load_or_build(corpus, lambda texts: answer, tmp_path / "kept", MODEL, silent)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_dimension_that_changes_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    answers = iter([np.ones((256, 2), np.float32), np.ones((256, 3), np.float32)])
    with pytest.raises(EmbeddingError, match=r"\(256, 3\), not float32 \(2,\)"):
        load_or_build(corpus, lambda texts: next(answers), tmp_path / "kept", MODEL, silent)


def test_a_service_that_fails_half_way_is_asked_for_the_rest_alone(corpus: Corpus, tmp_path: Path) -> None:
    embed = Embedder()

    def failing(texts: list[str]) -> Matrix:
        if embed.batches:
            raise EmbeddingError("gone")
        return embed(texts)

    with pytest.raises(EmbeddingError, match="gone"):
        load_or_build(corpus, failing, tmp_path / "kept", MODEL, silent)
    assert not list((tmp_path / "kept").glob("[!.]*")), "what is not complete must not look so"
    [draft] = (tmp_path / "kept").iterdir()
    draft.write_bytes(draft.read_bytes() + b"xyz")  # a row that a power cut tore

    rest = Embedder()
    index = load_or_build(corpus, rest, tmp_path / "kept", MODEL, silent)

    assert len(rest.batches) == 2, "256 of 600 premises were there"
    assert len(list((tmp_path / "kept").iterdir())) == 1
    whole = load_or_build(corpus, Embedder(), tmp_path / "whole", MODEL, silent)
    [one], [other] = ((tmp_path / name).iterdir() for name in ("kept", "whole"))
    assert one.read_bytes() == other.read_bytes()
    assert first_row(index) == first_row(whole)


def test_a_draft_of_nonsense_is_started_anew(corpus: Corpus, tmp_path: Path) -> None:
    load_or_build(corpus, Embedder(), tmp_path / "kept", MODEL, silent)
    [kept] = (tmp_path / "kept").iterdir()
    whole = kept.read_bytes()
    kept.rename(kept.with_name(f".{kept.name}.draft")).write_bytes(b"nonsense" * 100)

    load_or_build(corpus, Embedder(), tmp_path / "kept", MODEL, silent)

    assert [path.read_bytes() for path in (tmp_path / "kept").iterdir()] == [whole]


def test_two_that_build_at_once_embed_once(corpus: Corpus, tmp_path: Path) -> None:
    both = Embedder(), Embedder()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda embed: load_or_build(corpus, embed, tmp_path / "kept", MODEL, silent), both))

    assert first_row(found[0]) == first_row(found[1])
    assert sum(len(embed.batches) for embed in both) == 3, "the second waits for the first, and finds what it made"
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_an_empty_corpus_asks_for_nothing(data_set: DataSet, tmp_path: Path) -> None:
    embed = Embedder()
    assert len(load_or_build(data_set.write({}).load(), embed, tmp_path / "kept", MODEL, silent)) == 0
    assert embed.batches == []


def test_a_commit_that_the_service_tells_does_not_hide_the_vectors_of_the_data_set(
    corpus: Corpus, data_set: DataSet, tmp_path: Path
) -> None:
    give(data_set.folder / "embeddings" / f"name-{corpus.revision}.npy", np.full((600, 2), 0.25))

    index = load_or_build(corpus, Embedder(), tmp_path, "owner/name@c0ffee", silent)
    assert first_row(index) == [0.25, 0.25]

    embed = Embedder()
    load_or_build(corpus, embed, tmp_path, "owner/name@v1", silent, "v1")
    assert embed.batches, "MODEL_REVISION names another model's vectors"
