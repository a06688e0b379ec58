"""Vectors without a model and without a download: weighted features of Lean text, hashed into a fixed dimension."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from workers.embed.features import features
from workers.embed.statements import read

DIMENSION = 768
# Bounds what is held at once. At worst, a text has a few thousand features, which take about 60 bytes each.
_SHARE = 128
_TINY = 1e-12


class LexicalEmbedder:
    """Embeds by symbols, shapes and words. A text has the same vector in every process and on every machine.

    Attributes:
        name: the name under which vectors are stored; it must change whenever a text would get another vector.
    """

    name = "lexical-768-v1"
    kind = "lexical"
    notice = (
        "Premise retrieval is lexical: symbols and shapes are compared, and no trained model is used. For a model, "
        "set EMBED_SERVICE_URL (text-embeddings-inference), or MODEL_ID after `pip install 'leanfarm[embed]'`."
    )
    dimension = DIMENSION

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one L2-normalised row per text, float32 `[len(texts), 768]`. This never fails."""
        shares = [_embed(texts[start : start + _SHARE]) for start in range(0, len(texts), _SHARE)]
        return np.concatenate(shares) if shares else np.zeros((0, DIMENSION), np.float32)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _embed(texts: Sequence[str]) -> NDArray[np.float32]:
    digests, weights, sizes = bytearray(), array("d"), array("l")
    for text in texts:
        # Only the digests of a text's features are kept: the features of a hostile text take megabytes.
        bag = features(read(text))
        digests += b"".join(map(_digest, bag))
        weights.extend(bag.values())
        sizes.append(len(bag))
    hashes = np.frombuffer(digests, "<u8").astype(np.uint64)
    cells = np.repeat(np.arange(len(sizes)) * DIMENSION, sizes)
    table = np.zeros(len(sizes) * DIMENSION)
    # Each feature has two cells, so that a collision in one cell does not hide a feature of large weight.
    for shift in (0, 32):
        half = (hashes >> np.uint64(shift)).astype(np.uint32)
        signs = np.where(half >> 31, 1.0, -1.0)
        table += np.bincount(cells + half % DIMENSION, np.frombuffer(weights) * signs, minlength=len(table))
    rows = table.reshape(len(sizes), DIMENSION)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    return rows.astype(np.float32)


def _digest(feature: str) -> bytes:
    # A lone surrogate is not UTF-8, but still a text.
    return blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
