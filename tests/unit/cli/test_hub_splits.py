"""Which files of a data set on the hub are of a split."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.cli.datasets import fetch
from farm.errors import InvalidRequest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set in the cache of the hub's client, which asks nobody."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "datasets--some--proofs"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(COMMIT)
    return repo / "snapshots" / COMMIT


@pytest.mark.parametrize(
    ("split", "files", "found"),
    [
        ("train_sft", ["data/train_sft-0.parquet", "data/train-0.parquet"], ["data/train_sft-0.parquet"]),
        ("train", ["data/train_sft-0.parquet", "data/train-0.parquet"], ["data/train-0.parquet"]),
        ("train", ["train_a/0.jsonl", "train/0.jsonl"], ["train/0.jsonl"]),
        ("test", ["minif2f_test.jsonl", "minif2f_valid.jsonl"], ["minif2f_test.jsonl"]),
        ("train", ["data/train_sft-0.parquet", "data/train_prefs-0.parquet"], []),
        ("a.b", ["a.b.jsonl", "axb.jsonl"], ["a.b.jsonl"]),
        ("train", ["train_0.jsonl", "train_1.jsonl", "test_0.jsonl"], ["train_0.jsonl", "train_1.jsonl"]),
        ("train", ["train_00000_of_00002.parquet", "train_00001_of_00002.parquet"], None),
    ],
)
def test_a_split_is_a_whole_part_of_a_path(
    snapshot: Path, split: str, files: list[str], found: list[str] | None
) -> None:
    for name in files:
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).touch()

    if found == []:
        with pytest.raises(InvalidRequest, match="name one of train_prefs, train_sft"):
            fetch("hf://datasets/some/proofs", split)
        return
    folder, chosen = fetch("hf://datasets/some/proofs", split)
    assert [str(file.relative_to(folder)) for file in chosen] == (files if found is None else found)
