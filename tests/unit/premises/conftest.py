"""A writer of small premise data sets."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workers.premises.corpus import Corpus, load


def declaration(name: str, **fields: Any) -> dict[str, Any]:
    """Return a line of a Declarations file; a field given as `...` is left out."""
    line = {
        "kind": "theorem",
        "name": name,
        "args": ["(n : Nat)"],
        "type": "n = n",
        "doc": None,
        "line": 1,
        "column": 0,
        "isProp": True,
        "isHumanTheorem": True,
        "inModuleSystem": False,
        "isExposed": False,
    } | fields
    return {key: value for key, value in line.items() if value is not ...}


class DataSet:
    """A data set folder, written and read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "data"
        self.cache = root / "cache"

    def write(
        self,
        modules: Mapping[str, Iterable[dict[str, Any] | str]],
        *,
        blacklist: Iterable[str] = (),
        revision: str = "v4.31.0",
        listed: Iterable[str] | None = None,
    ) -> DataSet:
        """Write modules of declarations; a declaration given as a string is a theorem of that name."""
        declarations = self.folder / "Declarations"
        declarations.mkdir(parents=True, exist_ok=True)
        (self.folder / "revision").write_text(f"{revision}\n")
        (self.folder / "HammerBlacklist.jsonl").write_text(json.dumps({"hammerBlacklist": list(blacklist)}))
        self.write_lines("Modules.jsonl", ({"name": name} for name in (modules if listed is None else listed)))
        for name, lines in modules.items():
            records = (declaration(line) if isinstance(line, str) else line for line in lines)
            self.write_lines(f"Declarations/{name}.jsonl", records)
        return self

    def write_lines(self, name: str, records: Iterable[dict[str, Any]]) -> None:
        (self.folder / name).write_text("".join(json.dumps(record) + "\n" for record in records))

    def load(self) -> Corpus:
        return load(self.folder, self.cache)

    def archive(self, name: str = "packed") -> Path:
        """Return a folder that holds the data set as an archive."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        with tarfile.open(folder / "premises.tar.gz", "w:gz") as tar:
            for path in sorted(self.folder.iterdir()):
                tar.add(path, arcname=path.name)
        return folder


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return DataSet(tmp_path)
