"""Reads data sets on the Hugging Face hub, and Parquet files. The extra `leanfarm[datasets]` has the libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from farm.cli.output import errors, tell
from farm.errors import InvalidRequest
from farm.verdict_rows import datasets_extra

HUB = "hf://"
_URL = re.compile(r"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?(/(?P<path>.*[^/]))?/?")
_SUFFIXES = (".jsonl", ".parquet")
# The number of a file among those of one split, as in `train_00000_of_00002.parquet`.
_SHARD = re.compile(r"_\d+(_of_\d+)?$")
_ROWS = 1000


def fetch(url: str, split: str | None) -> tuple[Path, list[Path]]:
    """Download files of a data set on the hub, and return the folder of the data set and the sorted files.

    With `HF_HUB_OFFLINE=1`, the hub's client takes the files from its cache. `HF_TOKEN` gives access to private data
    sets.

    Args:
        url: `hf://datasets/OWNER/NAME[@REVISION][/PATH]`. The path names a file or a folder, or is a pattern.
        split: the split to read. In the path of a file on the hub, the name of the file's split is usually a part
            between `/`, `-` and `.`, and only files with such a part are taken. If there is none, files that have the
            name as a word of such a part are taken, such as `test` in `minif2f_test.jsonl`.

    Raises:
        InvalidRequest: the URL has another form, the hub does not have the data set, it has no files of rows, or the
            name of the split is a word of several splits.
        ConfigurationError: `leanfarm[datasets]` is not installed.
    """
    asked = _URL.fullmatch(url)
    if not asked:
        raise InvalidRequest(f"{url} is not of the form hf://datasets/OWNER/NAME[@REVISION][/PATH]")
    path = asked["path"]
    patterns = [path, f"{path}/*"] if path else [f"*{split or ''}*{suffix}" for suffix in _SUFFIXES]
    folder = _download(asked["repo"], asked["revision"], patterns)
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    wanted = [name for name in names if name.endswith(_SUFFIXES) and _is_wanted(name, path)]
    files = [folder / name for name in (_of_split(wanted, split) if split else wanted)]
    if not files:
        raise InvalidRequest(f"{url} holds no {' or '.join(_SUFFIXES)} file{f' of a split {split!r}' if split else ''}")
    tell(f"{asked['repo']} at {folder.name}: {', '.join(str(file.relative_to(folder)) for file in files)}")
    return folder, files


def _is_wanted(name: str, path: str | None) -> bool:
    # The folder may hold files from earlier calls too, so the pattern is applied once more.
    return not path or name == path or name.startswith(f"{path}/") or fnmatchcase(name, path)


def _of_split(names: Sequence[str], split: str) -> list[str]:
    whole = [name for name in names if re.search(rf"(^|[/.-]){re.escape(split)}([/.-]|$)", name)]
    if whole:
        return whole
    parts = {
        name: _SHARD.sub("", part) for name in names for part in re.split("[/.-]", name) if split in part.split("_")
    }
    # `train_sft` and `train_prefs` are two splits, and `train` names neither.
    if len(splits := sorted(set(parts.values()))) > 1:
        raise InvalidRequest(f"Several splits have the word {split!r}: name one of {', '.join(splits)}")
    return list(parts)


def _download(repo: str, revision: str | None, patterns: Sequence[str]) -> Path:
    with datasets_extra():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of httpx or httpx2
        from huggingface_hub.utils.tqdm import disable_progress_bars
    if not errors.is_terminal:
        disable_progress_bars()
    try:
        folder = snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=list(patterns))
    except (HTTPError, OSError, ValueError) as error:
        at = f" at {revision}" if revision else ""
        raise InvalidRequest(f"Cannot fetch the data set {repo}{at} from the Hugging Face hub: {error}") from error
    return Path(folder)


def read_parquet(path: Path, columns: Sequence[str], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a pair for each row of a Parquet file: the row's place (`NAME:NUMBER`, counted from 1), and the row.

    A row has the given columns, except columns that are not in the file.

    Raises:
        InvalidRequest: the file is not a Parquet file.
        ConfigurationError: `leanfarm[datasets]` is not installed.
    """
    with datasets_extra():
        from pyarrow import ArrowException, parquet
    number = 0
    try:
        file = parquet.ParquetFile(path)
        there = [column for column in columns if column in file.schema_arrow.names]
        for batch in file.iter_batches(_ROWS, columns=there):
            for row in batch.to_pylist():
                number += 1
                yield f"{name}:{number}", row
    except (ArrowException, OSError) as error:
        raise InvalidRequest(f"{path} cannot be read as Parquet: {error}") from error
