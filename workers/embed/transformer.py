"""Embedding by sentence-transformers in this process: no service to run, and one model in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from farm.errors import ConfigurationError, EmbeddingError
from farm.settings import Settings
from workers.embed.vectors import Vectors, checked

_TINY = 1e-12


class TransformerEmbedder:
    """Embeds with the model `MODEL_ID`, which is loaded at once, and downloaded first if it is not on this machine.

    Attributes:
        name: model and revision.
        dimension: how many numbers a vector has.

    Raises:
        ConfigurationError: the extra `leanfarm[embed]` is not installed, or the model cannot be loaded.
    """

    kind = "sentence-transformers"
    notice = ""

    def __init__(self, settings: Settings) -> None:
        revision = settings.model_revision
        self.name = f"{settings.model_id}@{revision}" if revision else settings.model_id
        self._model = _load(settings.model_id, revision)
        # On a CPU, half precision is slower than single precision, if it is supported at all.
        if settings.dtype == "float16" and self._model.device.type == "cuda":
            self._model.half()
        self.dimension = len(self._encode(["dimension"], 0)[0])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one L2-normalised row per text, float32 `[len(texts), dimension]`.

        Raises:
            EmbeddingError: the model fails, for example because memory runs out.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return self._encode(list(texts), self.dimension)

    def close(self) -> None:
        """Release the model."""
        del self._model

    def _encode(self, texts: list[str], dimension: int) -> Vectors:
        try:
            rows = self._model.encode(texts, convert_to_numpy=True, show_progress_bar=False)
        except Exception as error:
            # torch, tokenizers and numpy raise errors of many types; a lone surrogate, for example, is a TypeError.
            raise EmbeddingError(f"The model {self.name} fails ({type(error).__name__}): {error}") from error
        vectors = checked(rows, len(texts), dimension, f"The model {self.name}")
        # Normalised here, because the model may compute in half precision.
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _TINY).astype(np.float32)
        unit: Vectors = vectors / lengths
        return unit


def _load(model: str, revision: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ConfigurationError(
            f"MODEL_ID needs sentence-transformers ({error}): `pip install 'leanfarm[embed]'`, or set EMBED_SERVICE_URL"
        ) from error
    try:
        return SentenceTransformer(model, revision=revision or None)
    except Exception as error:
        # The hub, safetensors and torch raise errors of many types.
        raise ConfigurationError(f"MODEL_ID {model} cannot be loaded ({type(error).__name__}): {error}") from error
