"""A small premise data set with every oddity of the format, and the known result that a server must give for each.

Each declaration states whether it survives the filters; the rules under test do not compute it. All vectors
but those of the `Real.*` modules are multiples of 1/8, so their scores are exact in single precision whatever the order
of summation: ties are real ties on every machine.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from tests.support.tei import vector

DIMENSION = 32
MODEL = "stand-in/compat"
REVISION = "v4.99.0"

Vector = npt.NDArray[np.float32]

_NONE = np.empty((0, DIMENSION), np.float32)
_KINDS = ("theorem", "theorem", "def", "instance", "theorem", "inductive", "axiom")
_BLACKLISTED = ("Real.M00.blacklisted", "Real.M01.x3")


@dataclass(frozen=True)
class Declared:
    """A declaration.

    Attributes:
        is_kept: whether it can be retrieved; otherwise only its position counts.
        is_open: whether a caller in the module system sees it without `import all`.
    """

    name: str
    module: str
    is_kept: bool
    is_open: bool
    record: dict[str, Any]


@dataclass(frozen=True)
class DataSet:
    """A data set in memory.

    Attributes:
        files: declarations by module, in the order of the files' names.
        modules: the names in Modules.jsonl, sorted.
        vectors: float32 [kept, DIMENSION], of the kept ones in the order of their positions.
    """

    files: dict[str, list[Declared]]
    modules: list[str]
    vectors: Vector

    @cached_property
    def declared(self) -> list[Declared]:
        return [each for declared in self.files.values() for each in declared]

    @cached_property
    def kept(self) -> list[Declared]:
        return [each for each in self.declared if each.is_kept]

    def module_ids(self, *prefixes: str) -> list[int]:
        return [id for id, name in enumerate(self.modules) if name.startswith(prefixes)]


def vector_of(text: str) -> Vector:
    """Return what the embedding stand-in gives for a text: zeros, multiples of 1/8, or a unit vector."""
    if text.startswith("zero"):
        return np.zeros(DIMENSION, np.float32)
    if text.startswith("grid"):
        return _grid(np.random.default_rng(crc32(text.encode())), 1).reshape(DIMENSION)
    return vector(text, DIMENSION)


@cache
def data_set() -> DataSet:
    """Return the data set; always the same."""
    files = dict(sorted(_files().items(), key=lambda item: f"{item[0]}.jsonl"))
    modules = sorted({*files, "Empty.Without.File"} - {"Lean.Unlisted"})
    return DataSet(files, modules, _vectors([each.module for each in DataSet(files, [], _NONE).kept]))


def write(data: DataSet, folder: Path) -> None:
    """Write a data set as the repositories of lean-premise-server hold it."""
    raw = folder.with_name(f"{folder.name}-raw")
    _write_raw(raw, data)
    (folder / "embeddings").mkdir(parents=True)
    np.save(folder / "embeddings" / f"{MODEL.split('/')[1]}-{REVISION}.npy", data.vectors)
    with tarfile.open(folder / "premises.tar.gz", "w:gz") as tar:
        for path in sorted(raw.iterdir()):
            tar.add(path, arcname=path.name)


def _write_raw(raw: Path, data: DataSet) -> None:
    for name in ("Declarations", "Imports"):
        (raw / name).mkdir(parents=True)
    for module, declared in data.files.items():
        lines = "".join(json.dumps(each.record, ensure_ascii=False) + "\n" for each in declared)
        (raw / "Declarations" / f"{module}.jsonl").write_text(lines)
    shuffled = [data.modules[at] for at in np.random.default_rng(5).permutation(len(data.modules))]
    (raw / "Modules.jsonl").write_text("".join(json.dumps({"name": name}) + "\n" for name in shuffled))
    (raw / "HammerBlacklist.jsonl").write_text(json.dumps({"hammerBlacklist": _BLACKLISTED}))
    (raw / "revision").write_text(f"{REVISION}\n")


def _files() -> dict[str, list[Declared]]:
    """Return the declarations of each module; names decide positions, see `_odd_modules`."""
    files = {f"Real.M{at:02d}": [_plain(f"Real.M{at:02d}", n) for n in range(70)] for at in range(30)}
    files |= {f"Grid.M{at}": [_plain(f"Grid.M{at}", n) for n in range(80)] for at in range(10)}
    files |= {f"Ties.M{at}": [_plain(f"Ties.M{at}", n) for n in range(60)] for at in range(5)}
    files |= {"Zero": [_plain("Zero", n) for n in range(40)], "Empty": []}
    files["Real.M01"][3] = _declared("Real.M01.x3", "Real.M01", kept=False)
    files["Real.M00"].append(_declared("Real.M00.blacklisted", "Real.M00", kept=False))
    return files | _odd_modules()


def _odd_modules() -> dict[str, list[Declared]]:
    """Return modules that the filters hide or nearly hide, and modules whose files sort unlike their names."""
    hidden = ("Lean.Elab", "Lean.Unlisted", "Mathlib.Tactic.Ring", "Odd.Test", "Util", "Cli.Extensions")
    near = ("Mathlib.Tactics.Ring", "LeanOdd", "Odd.Test1", "Odd.lower", "Odd", "Odd.Base")
    files = {module: [_declared(f"{module[4:]}.h{n}", module, kept=False) for n in range(12)] for module in hidden}
    files |= {module: [_plain(module, n) for n in range(20)] for module in near}
    files["Lean.Elab"].append(_declared("Moved.once", "Lean.Elab", kept=False))
    files["Zeta.Last"] = list(_odd_declarations("Zeta.Last"))
    return files


def _odd_declarations(module: str) -> Iterator[Declared]:
    yield _declared("Moved.once", module)  # its namesake in a hidden module does not count
    yield _declared("Moved.once", module, kept=False)
    for name in ("Real.M05.x5", "Grid.M3.x7", "Ties.M0.x0"):
        yield _declared(name, module, kept=False)  # repeated, and it is the first that counts
    for name in ("Lean.x", "a.Lean.b", "Qq.q", "deep.er.Lake"):
        yield _declared(name, module, kept=False)
    for name in ("Leanish.x", "a.lean.b", "«weird name».ключ", "α.β'", "x", "5"):
        yield _declared(name, module)
    yield _declared("typed.hidden", module, kept=False, type="Lean.Expr → Nat")
    for at, type_ in enumerate(("Lean", "List Lean.Expr", "LeanX.Y", "lean.x", "")):
        yield _declared(f"typed.kept{at}", module, type=type_, args=[])


def _plain(module: str, number: int) -> Declared:
    kind = _KINDS[number % len(_KINDS)]
    in_system, exposed = module[-1] not in "13579", number % 4 == 0
    fields = {"inModuleSystem": in_system, "isExposed": exposed}
    if number % 11 == 3:  # as data sets from before the module system are
        fields, in_system = {}, False
    doc = None if number % 3 else f"  About {number}.\n"
    is_open = not in_system or kind == "theorem" or exposed
    return _declared(f"{module}.x{number}", module, is_open=is_open, kind=kind, doc=doc, **fields)


def _declared(name: str, module: str, *, kept: bool = True, is_open: bool = True, **fields: Any) -> Declared:
    record: dict[str, Any] = {
        "kind": "theorem",
        "name": name,
        "args": ["{α : Type}", "(n : Nat)"],
        "type": "n = n",
        "doc": None,
    }
    record |= {"line": 1, "column": 0, "isProp": True, "isHumanTheorem": True, **fields}
    return Declared(name, module, kept, is_open, record)


def _vectors(modules: list[str]) -> Vector:
    rng = np.random.default_rng(20)
    few = _grid(rng, 9)
    rows = rng.standard_normal((len(modules), DIMENSION)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for at, module in enumerate(modules):
        if module.startswith("Zero"):
            rows[at] = 0
        elif module.startswith("Ties."):
            rows[at] = few[rng.integers(len(few))]
        elif module.startswith("Grid."):
            rows[at] = _grid(rng, 1)
    rows[20:25] = rows[40]  # equal rows among unequal ones
    return rows


def _grid(rng: np.random.Generator, rows: int) -> Vector:
    return (rng.integers(-4, 5, (rows, DIMENSION)) / 8).astype(np.float32)
