"""Writes a premise data set of Mathlib's size, in lean-premise-server's format: 230 000 premises in 7 000 modules.

    python -m tests.bench.large_corpus FOLDER   # 1.5 GB, a minute

The vectors lie near a subspace of 96 dimensions, as embeddings do, and those of a module near one another; `basis.npy`
spans it, so that an embedding stand-in can make queries out of the same space.
"""

from __future__ import annotations

import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

MODEL = "l3lab/all-distilroberta-v1-lr2e-4-bs256-nneg3-ml-ne2"
REVISION = "v4.33.0"
HIDDEN_MODULES = 1_200
"""Modules of Lean's own that the server's filter leaves out; they sort before the others."""
MODULES = 7_000
HIDDEN_DECLARATIONS = 40
"""In each hidden module."""

_PREMISES, _DIMENSION, _LATENT, _NOISE = 230_000, 768, 96, 0.35
_AREAS = ("Algebra", "Analysis", "Topology", "CategoryTheory", "NumberTheory", "MeasureTheory", "Order", "Data")
_KINDS = ("theorem", "theorem", "theorem", "def", "instance")
_WORDS = (
    "HAdd.hAdd",
    "HMul.hMul",
    "Eq",
    "LE.le",
    "Set.Mem",
    "Finset.sum",
    "Continuous",
    "Module",
    "Ring",
    "Nat",
    "Real",
)

Vectors = npt.NDArray[np.float32]


def write(folder: Path) -> None:
    """Write the data set; always the same."""
    rng = np.random.default_rng(0)
    sizes = _sizes(rng)
    (folder / "embeddings").mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        _write_modules(Path(name), sizes)
        with tarfile.open(folder / "premises.tar.gz", "w:gz", compresslevel=1) as tar:
            for path in sorted(Path(name).iterdir()):
                tar.add(path, arcname=path.name)
    basis = rng.standard_normal((_LATENT, _DIMENSION), np.float32) / np.float32(np.sqrt(_LATENT))
    np.save(folder / "basis.npy", basis)
    vectors = np.concatenate([near(rng, basis, int(size), _centre(rng)) for size in sizes])
    np.save(folder / "embeddings" / f"{MODEL.split('/')[1]}-{REVISION}.npy", vectors)


def near(rng: np.random.Generator, basis: Vectors, count: int, centre: Vectors | None = None) -> Vectors:
    """Return unit vectors, float32 [count, 768], near the space of a basis, around a place in it."""
    latent = rng.standard_normal((count, len(basis)), np.float32) + (0 if centre is None else centre)
    found = latent @ basis + np.float32(_NOISE) * rng.standard_normal((count, basis.shape[1]), np.float32)
    unit: Vectors = found / np.linalg.norm(found, axis=1, keepdims=True).astype(np.float32)
    return unit


def _centre(rng: np.random.Generator) -> Vectors:
    return rng.standard_normal(_LATENT, np.float32) * np.float32(0.7)


def _sizes(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return how many premises each module has: most have some tens, a few have hundreds."""
    drawn = rng.lognormal(3.0, 1.0, MODULES)
    sizes: npt.NDArray[np.int64] = np.maximum(1, drawn / drawn.sum() * _PREMISES).astype(np.int64)
    sizes[: max(0, _PREMISES - int(sizes.sum()))] += 1
    return sizes


def _write_modules(raw: Path, sizes: npt.NDArray[np.int64]) -> None:
    (raw / "Imports").mkdir()
    (raw / "Declarations").mkdir()
    hidden = [f"Lean.Elab.Internal{at:04}" for at in range(HIDDEN_MODULES)]
    shown = [f"Mathlib.{_AREAS[at % len(_AREAS)]}.Sub{at // 60:03}.File{at:04}" for at in range(MODULES)]
    counts = [*([HIDDEN_DECLARATIONS] * HIDDEN_MODULES), *map(int, sizes)]
    for at, (module, count) in enumerate(zip([*hidden, *shown], counts, strict=True)):
        lines = "".join(json.dumps(each) + "\n" for each in _declarations(module, at, count))
        (raw / "Declarations" / f"{module}.jsonl").write_text(lines)
    (raw / "Modules.jsonl").write_text("".join(json.dumps({"name": name}) + "\n" for name in [*shown, *hidden]))
    (raw / "revision").write_text(f"{REVISION}\n")
    (raw / "HammerBlacklist.jsonl").write_text(json.dumps({"hammerBlacklist": []}))


def _declarations(module: str, seed: int, count: int) -> Iterator[dict[str, object]]:
    _, area, *_, file = module.split(".")
    for at in range(count):
        words = " ".join(_WORDS[(7 * seed + 3 * at + place) % len(_WORDS)] for place in range(8))
        kind = _KINDS[at % len(_KINDS)]
        yield {
            "kind": kind,
            "name": f"{area}.{file}.lemma_{at}",
            "args": ["{α : Type u_1}", "[inst : CommRing α]", "(a b : α)"],
            "type": f"Eq ({words} a) b",
            "doc": None if at % 3 else "What it says.",
            "line": 5 * at + 1,
            "column": 0,
            "isProp": kind == "theorem",
            "isHumanTheorem": True,
            "inModuleSystem": True,
            "isExposed": at % 2 == 1,
        }


if __name__ == "__main__":
    write(Path(sys.argv[1]))
