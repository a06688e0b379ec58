"""sentence-transformers in this process. A small stand-in replaces the library, because it and torch take gigabytes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from farm.errors import ConfigurationError, EmbeddingError
from farm.settings import Settings
from workers.embed.embedder import make_embedder

# The part of sentence-transformers that is used, failing as 5.7 does with torch 2.15, safetensors and tokenizers.
LIBRARY = """
import numpy as np

class SentenceTransformer:
    def __init__(self, model_name_or_path=None, *, device=None, revision=None):
        if model_name_or_path == "owner/missing" or revision not in (None, "v1"):
            raise OSError("there is no such model or revision")
        if model_name_or_path == "owner/damaged":
            raise type("SafetensorError", (Exception,), {})("header too small")
        self.device = type("device", (), {"type": "cuda" if "gpu" in model_name_or_path else "cpu"})()
        self.revision, self.dtype = revision, np.float32

    def half(self):
        self.dtype = np.float16
        return self

    def encode(self, sentences, *, convert_to_numpy=True, show_progress_bar=None):
        assert isinstance(sentences, list)
        if "too much" in sentences:
            raise RuntimeError("CUDA out of memory")
        if "\\ud800" in sentences:
            raise TypeError("TextEncodeInput must be Union[...]")
        if "overflow" in sentences:
            return np.full((len(sentences), 3), np.inf, self.dtype)
        return np.array([[3.0, 4.0, float(self.dtype == np.float16)] for _ in sentences], self.dtype)
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "sentence_transformers.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sentence_transformers", raising=False)
    yield
    sys.modules.pop("sentence_transformers", None)


def settings(model: str = "owner/model", **more: str) -> Settings:
    return Settings(model_id=model, _env_file=None, **more)  # type: ignore[arg-type]


@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed"
)
def test_without_the_extra_the_error_names_it() -> None:
    with pytest.raises(ConfigurationError, match=r"leanfarm\[embed\]"):
        make_embedder(settings())


@pytest.mark.usefixtures("library")
def test_rows_are_float32_and_of_length_one() -> None:
    embedder = make_embedder(settings(model_revision="v1"))
    rows = embedder.embed(("a", "b"))
    np.testing.assert_allclose(rows, [[0.6, 0.8, 0.0]] * 2)
    assert rows.dtype == np.float32
    assert (embedder.name, embedder.kind, embedder.dimension) == ("owner/model@v1", "sentence-transformers", 3)
    assert embedder.embed([]).shape == (0, 3)
    embedder.close()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("model", "dtype", "is_half"),
    [("gpu/m", "float16", True), ("gpu/m", "float32", False), ("cpu/m", "float16", False)],
)
def test_half_precision_is_for_a_gpu_only(model: str, dtype: str, is_half: bool) -> None:
    rows = make_embedder(settings(model, dtype=dtype)).embed(["a"])
    assert (rows[0, 2] > 0) == is_half
    assert np.linalg.norm(rows) == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("model", ["owner/missing", "owner/damaged"])
def test_a_model_that_cannot_be_loaded_is_a_wrong_setting(model: str) -> None:
    with pytest.raises(ConfigurationError, match=f"MODEL_ID {model}"):
        make_embedder(settings(model))


@pytest.mark.usefixtures("library")
def test_a_revision_that_is_not_there_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="no such model or revision"):
        make_embedder(settings(model_revision="v2"))


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("text", "says"), [("too much", "out of memory"), ("overflow", "not finite"), ("\ud800", "TypeError")]
)
def test_what_the_model_cannot_do_is_an_embedding_error(text: str, says: str) -> None:
    embedder = make_embedder(settings())
    with pytest.raises(EmbeddingError, match=says):
        embedder.embed([text])
    assert len(embedder.embed(["a"])) == 1


def test_without_model_and_service_it_is_lexical() -> None:
    assert make_embedder(settings("")).kind == "lexical"
