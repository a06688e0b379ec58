"""The interface of an embedder, and the choice of an embedder by the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from farm.settings import Settings
from workers.embed.lexical import LexicalEmbedder
from workers.embed.tei_pool import UNKNOWN_MODEL, TeiPool
from workers.embed.transformer import TransformerEmbedder
from workers.embed.vectors import Vectors


class Embedder(Protocol):
    """Turns texts into vectors; the inner product of two vectors says how well their texts fit together."""

    @property
    def name(self) -> str:
        """Model and revision, `owner/name[@revision]`; vectors are stored under this name."""

    @property
    def kind(self) -> str:
        """`tei`, `lexical` or `sentence-transformers`."""

    @property
    def notice(self) -> str:
        """A sentence that an operator must read; empty if there is none."""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, float32 `[len(texts), dimension]`, all finite.

        Raises:
            EmbeddingError: the texts cannot be embedded; see `workers.embed.failures`.
        """

    def close(self) -> None:
        """Release connections and models."""


def make_embedder(settings: Settings) -> Embedder:
    """Return the embedder that the settings name: a service, else a model in this process, else the lexical embedder.

    Raises:
        ConfigurationError: a setting is wrong, or `leanfarm[embed]` is not installed.
        EmbeddingError: the service does not answer.
    """
    if settings.embed_service_urls:
        return TeiPool(settings)
    return TransformerEmbedder(settings) if settings.model_id else LexicalEmbedder()


def may_be_same_model(name: str, other: str) -> bool:
    """Whether the names of two embedders may stand for one model.

    Revisions are not compared. If a model has no name, or only the name of a folder, the answer is yes, because nothing
    is known about it.
    """
    models = [each.partition("@")[0] for each in (name, other)]
    if any(model in ("", UNKNOWN_MODEL) or model.startswith("/") for model in models):
        return True
    one, another = (model.rpartition("/")[2] for model in models)
    return one == another
