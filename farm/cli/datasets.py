"""Data sets on the Hugging Face hub, and Parquet files of proofs; `leanfarm[datasets]` installs the libraries."""

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
_ROWS = 1000


def fetch(url: str, split: str | None) -> tuple[Path, list[Path]]:
    """Download the files of a data set on the hub; return their folder, and the files, sorted.

    With `HF_HUB_OFFLINE=1`, the hub's client answers from its cache; `HF_TOKEN` gives access to private data sets.

    Args:
        url: `hf://datasets/OWNER/NAME[@REVISION][/PATH]`; a path is a file, a folder or a pattern.
        split: take only files whose path contains this word; data sets on the hub usually name the files of a split
            after it.

    Raises:
        InvalidRequest: the URL has another form, the hub does not have the data set, or it has no files of rows.
        ConfigurationError: `leanfarm[datasets]` is not installed.
    """
    asked = _URL.fullmatch(url)
    if not asked:
        raise InvalidRequest(f"{url} is not of the form hf://datasets/OWNER/NAME[@REVISION][/PATH]")
    path = asked["path"]
    patterns = [path, f"{path}/*"] if path else [f"*{split or ''}*{suffix}" for suffix in _SUFFIXES]
    folder = _download(asked["repo"], asked["revision"], patterns)
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    files = [folder / name for name in names if name.endswith(_SUFFIXES) and _is_wanted(name, path, split)]
    if not files:
        raise InvalidRequest(f"{url} holds no {' or '.join(_SUFFIXES)} file{f' of a split {split!r}' if split else ''}")
    tell(f"{asked['repo']} at {folder.name}: {', '.join(str(file.relative_to(folder)) for file in files)}")
    return folder, files


def _is_wanted(name: str, path: str | None, split: str | None) -> bool:
    # The cache also holds files from other calls.
    is_there = not path or name == path or name.startswith(f"{path}/") or fnmatchcase(name, path)
    return is_there and (not split or split in re.split(r"[^A-Za-z0-9]", name))


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
    """Yield a Parquet file's rows, each with its place (`NAME:NUMBER`, from 1); columns not in the file are left out.

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
