"""Checks the vectors that a model or a service returns, before anything is computed with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from farm.errors import EmbeddingError

Vectors = NDArray[np.float32]


def checked(rows: Any, count: int, dimension: int, source: str) -> Vectors:
    """Return vectors as float32 `[count, dimension]`.

    Args:
        rows: what the source returned, of any type and shape.
        count: how many texts the source was given.
        dimension: how long each vector must be; 0 accepts any length but zero.
        source: the name of the source, for the message.

    Raises:
        EmbeddingError: `rows` is not a matrix of that shape, or holds a number that is not finite in float32.
    """
    try:
        with np.errstate(over="ignore"):
            vectors = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise EmbeddingError(f"{source} returns something that is not a matrix of numbers") from error
    if vectors.ndim != 2 or len(vectors) != count:
        raise EmbeddingError(f"{source} returns an array of shape {vectors.shape} for {count} inputs")
    if not vectors.shape[1] or vectors.shape[1] != (dimension or vectors.shape[1]):
        raise EmbeddingError(f"{source} returns vectors of {vectors.shape[1]} numbers, not of {dimension or 'any'}")
    if not np.isfinite(vectors).all():
        raise EmbeddingError(f"{source} returns numbers that are not finite")
    return vectors
