"""The premise corpus: a data set folder read into lists and arrays, in lean-premise-server's format.

A folder holds `revision`, `HammerBlacklist.jsonl`, `Modules.jsonl` and `Declarations/<Module>.jsonl`. Clients cache the
lists of names and send positions in these lists. So whatever decides a position must stay as it is: premises come in
the order of their files' names, modules in the order of their names, and the filters in a fixed order.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from farm.errors import CorpusError
from workers.premises.source import unpack

SHIPPED = Path(__file__).parent / "core"
"""A small data set of declarations of Lean's core library."""

_HIDDEN_MODULES = frozenset((
    "Aesop", "Auto", "Cli", "CodeAction", "DocGen4", "Duper", "ImportGraph", "Lake", "Lean", "LeanSearchClient",
    "Linter", "Mathport", "MD4Lean", "Plausible", "ProofWidgets", "Qq", "QuerySMT", "Tactic", "TacticExtra", "Test",
    "Testing", "UnicodeBasic", "Util",
))  # fmt: skip
_HIDDEN_NAMES = frozenset(("Lean", "Lake", "Qq"))
_HIDDEN_TYPE_PREFIX = "Lean."


@dataclass(frozen=True, slots=True)
class Premise:
    """A declaration that can be retrieved.

    Attributes:
        name: full name in Lean, unique in the corpus.
        kind: theorem, def, instance and so on.
        module: the id of its module, which is the position in `Corpus.modules`.
        statement: `kind name args : type`.
        doc: its doc string.
        in_module_system: whether its module uses Lean's module system.
        is_exposed: whether modules that import the premise's module see the premise's body.
    """

    name: str
    kind: str
    module: int
    statement: str
    doc: str | None
    in_module_system: bool
    is_exposed: bool

    @property
    def text(self) -> str:
        """The text to embed; the models were trained on exactly this form."""
        return self.statement if self.doc is None else f"/-- {self.doc.strip()} -/\n{self.statement}"

    @property
    def always_visible(self) -> bool:
        """Whether a caller inside the module system sees the premise without `import all`."""
        return not self.in_module_system or self.kind == "theorem" or self.is_exposed


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """A data set in memory, n premises in m modules.

    Attributes:
        revision: the Lean version from which the data was extracted.
        snapshot: sha256 over revision and contents, in hexadecimal; equal for equal data, whatever folder it is in.
        source: the folder from which the data was read; `embeddings/` is looked for there.
        modules: all module names, sorted; a module's id is its position. Clients' numbers may differ; see `numbering`.
        premises: the premises that the filters keep, in the order of their vectors.
        unfiltered: the names of all declarations, before filtering.
        module_ids: module name to id.
        premise_ids: premise name to position in `premises`.
        module_of: int32 [n], the module id of each premise.
        always_visible: bool [n], `Premise.always_visible`.
    """

    revision: str
    snapshot: str
    source: Path
    modules: Sequence[str]
    premises: Sequence[Premise]
    unfiltered: Sequence[str]
    module_ids: dict[str, int]
    premise_ids: dict[str, int]
    module_of: npt.NDArray[np.int32]
    always_visible: npt.NDArray[np.bool_]


def load(source: Path, cache_dir: Path) -> Corpus:
    """Read a data set.

    Args:
        source: a data set folder, or a folder that holds the data set as `premises.tar.gz`.
        cache_dir: where an archive is unpacked, once.

    Raises:
        CorpusError: the data set is missing or broken; the message names the file and the line.
    """
    return _Reader(unpack(source, cache_dir)).read(source)


class _Reader:
    """Collects one data set file by file, so that only one file at a time is held as raw bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digest = hashlib.sha256()
        self.premises: list[Premise] = []
        self.premise_ids: dict[str, int] = {}
        self.unfiltered: list[str] = []

    def read(self, source: Path) -> Corpus:
        revision = _decoded(self._bytes("revision"), self.folder / "revision").strip()
        blacklist = self._blacklist()
        modules = self._modules()
        module_ids = {name: id for id, name in enumerate(modules)}
        for path in self._declaration_files():
            self._read_module(path, module_ids, blacklist)
        return Corpus(
            revision=revision,
            snapshot=self.digest.hexdigest(),
            source=source,
            modules=modules,
            premises=self.premises,
            unfiltered=self.unfiltered,
            module_ids=module_ids,
            premise_ids=self.premise_ids,
            module_of=np.array([premise.module for premise in self.premises], np.int32),
            always_visible=np.array([premise.always_visible for premise in self.premises], np.bool_),
        )

    def _bytes(self, name: str) -> bytes:
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise CorpusError(f"{self.folder / name}: {error.strerror or error}.") from error
        # Names and lengths are hashed as well: the files of two data sets may differ, and still give the same bytes
        # when they are joined.
        self.digest.update(f"{name}\n{len(content)}\n".encode())
        self.digest.update(content)
        return content

    def _blacklist(self) -> frozenset[str]:
        name = "HammerBlacklist.jsonl"
        content = self._bytes(name)
        try:
            return frozenset(orjson.loads(content)["hammerBlacklist"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise CorpusError(f'{self.folder / name}, line 1: not {{"hammerBlacklist": [names]}}: {error}.') from error

    def _modules(self) -> list[str]:
        path = self.folder / "Modules.jsonl"
        names: set[str] = set()
        for number, record in _records(self._bytes(path.name), path):
            name = _text(record, "name", path, number)
            if name in names:
                raise CorpusError(f"{path}, line {number}: module {name} is there twice.")
            names.add(name)
        return sorted(names)

    def _declaration_files(self) -> list[Path]:
        folder = self.folder / "Declarations"
        if not folder.is_dir():
            raise CorpusError(f"{folder}: no such folder.")
        return sorted(folder.glob("*.jsonl"), key=lambda path: path.name)

    def _read_module(self, path: Path, module_ids: dict[str, int], blacklist: frozenset[str]) -> None:
        module = path.name.removesuffix(".jsonl")
        module_id = module_ids.get(module)
        hidden = not _HIDDEN_MODULES.isdisjoint(module.split("."))
        for number, record in _records(self._bytes(f"Declarations/{path.name}"), path):
            premise, type_ = _premise(record, module_id, path, number)
            self.unfiltered.append(premise.name)
            if hidden or _is_hidden(premise.name, type_, blacklist) or premise.name in self.premise_ids:
                continue
            if module_id is None:
                raise CorpusError(f"{path}, line {number}: module {module} is not in Modules.jsonl.")
            self.premise_ids[premise.name] = len(self.premises)
            self.premises.append(premise)


def _is_hidden(name: str, type_: str, blacklist: frozenset[str]) -> bool:
    return name in blacklist or not _HIDDEN_NAMES.isdisjoint(name.split(".")) or type_.startswith(_HIDDEN_TYPE_PREFIX)


def _premise(record: Any, module: int | None, path: Path, number: int) -> tuple[Premise, str]:
    name, kind, type_ = (_text(record, key, path, number) for key in ("name", "kind", "type"))
    args, doc = record.get("args"), record.get("doc")
    if not isinstance(args, list) or not all(isinstance(each, str) for each in args):
        raise CorpusError(f"{path}, line {number}: 'args' is not a list of strings.")
    if not isinstance(doc, str | None):
        raise CorpusError(f"{path}, line {number}: 'doc' is neither a string nor null.")
    premise = Premise(
        name=name,
        kind=sys.intern(kind),
        module=-1 if module is None else module,
        statement=f"{kind} {name} {' '.join(args)} : {type_}",
        doc=doc,
        # Data sets from before the module system lack these two fields. Every premise is visible then.
        in_module_system=bool(record.get("inModuleSystem", False)),
        is_exposed=bool(record.get("isExposed", False)),
    )
    return premise, type_


def _records(content: bytes, path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise CorpusError(f"{path}, line {number}: {error}.") from error
        if not isinstance(record, dict):
            raise CorpusError(f"{path}, line {number}: not a JSON object.")
        yield number, record


def _text(record: dict[str, Any], key: str, path: Path, number: int) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise CorpusError(f"{path}, line {number}: {key!r} is missing or not a string.")
    return value


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}, line 1: {error}.") from error
