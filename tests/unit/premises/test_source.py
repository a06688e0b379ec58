"""Where a data set comes from: folders, archives, and the hub's cache while offline."""

from __future__ import annotations

import hashlib
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import huggingface_hub.constants
import pytest

from farm.errors import CorpusError
from workers.premises.corpus import load
from workers.premises.source import download, model_name, unpack

from .conftest import DataSet

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_an_archive_gives_what_its_folder_gives(data_set: DataSet) -> None:
    folder = data_set.write({"M": ["x"], "Lean": ["y"]}).load()
    packed = load(data_set.archive(), data_set.cache)
    assert packed.snapshot == folder.snapshot
    assert packed.premises == folder.premises
    assert packed.unfiltered == folder.unfiltered
    assert packed.source == data_set.root / "packed"


def test_an_archive_is_unpacked_once_and_again_when_it_changes(data_set: DataSet) -> None:
    source = data_set.write({"M": ["x"]}).archive()
    load(source, data_set.cache)
    (unpacked,) = data_set.cache.iterdir()
    (unpacked / "revision").write_text("touched")
    assert load(source, data_set.cache).revision == "touched"
    data_set.write({"M": ["y"]}).archive()
    assert [premise.name for premise in load(source, data_set.cache).premises] == ["y"]


def test_processes_that_unpack_an_archive_at_once_share_the_folder(data_set: DataSet) -> None:
    source = data_set.write({f"M{n}": [f"x{n}"] for n in range(200)}).archive()
    together = Barrier(4)

    def unpack_with_others() -> Path:
        together.wait()
        return unpack(source, data_set.cache)

    with ThreadPoolExecutor(4) as pool:
        folders = [future.result() for future in [pool.submit(unpack_with_others) for _ in range(4)]]

    assert set(folders) == set(data_set.cache.iterdir()), "one folder, and nothing half unpacked"
    assert len(load(source, data_set.cache).premises) == 200


@pytest.mark.parametrize("name", ["../escaped", "/tmp/leanfarm-escaped"])
def test_an_archive_writes_nothing_outside_its_folder(data_set: DataSet, name: str) -> None:
    source = data_set.write({"M": ["x"]}).archive()
    with tarfile.open(source / "premises.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(CorpusError, match=r"premises\.tar\.gz|Declarations|revision"):
        load(source, data_set.cache)
    assert not (data_set.cache / "escaped").exists()
    assert not (data_set.root / "escaped").exists()
    assert not Path("/tmp/leanfarm-escaped").exists()


def test_a_cut_archive_is_named_and_leaves_nothing(data_set: DataSet) -> None:
    archive = data_set.write({"M": [f"x{n}" for n in range(500)]}).archive() / "premises.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(CorpusError, match=r"premises\.tar\.gz: cannot be unpacked"):
        load(archive.parent, data_set.cache)
    assert list(data_set.cache.iterdir()) == []


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere: holds neither premises\.tar\.gz nor Declarations"):
        load(tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize(
    ("model", "name"),
    [("owner/name", "name"), ("owner/name@v4.33.0", "name"), ("name", "name"), ("name@main", "name")],
)
def test_the_name_of_a_model_in_file_names(model: str, name: str) -> None:
    assert model_name(model) == name


def test_offline_the_cache_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    repo = tmp_path / "datasets--some--premises"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "v4.33.0").write_text(COMMIT)
    (repo / "snapshots" / COMMIT).mkdir(parents=True)
    (repo / "snapshots" / COMMIT / "premises.tar.gz").write_bytes(b"")
    assert download("some/premises", "v4.33.0", tmp_path, "owner/name") == repo / "snapshots" / COMMIT


def fetched(cache: Path, content: bytes, etag: str) -> Path:
    """Lay out the hub's cache as its client leaves it: a link to a blob named by its ETag."""
    repo = cache / "datasets--some--premises"
    for folder in (repo / "refs", repo / "blobs", repo / "snapshots" / COMMIT):
        folder.mkdir(parents=True, exist_ok=True)
    (repo / "refs" / "v1").write_text(COMMIT)
    (repo / "blobs" / etag).write_bytes(content)
    link = repo / "snapshots" / COMMIT / "premises.tar.gz"
    link.symlink_to(f"../../blobs/{etag}")
    return link


@pytest.mark.parametrize(
    "etag", [hashlib.sha256(b"content").hexdigest(), hashlib.sha1(b"blob 7\0content").hexdigest()], ids=["lfs", "git"]
)
def test_what_does_not_have_the_hub_s_checksum_is_not_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, etag: str
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    link = fetched(tmp_path, b"content", etag)
    assert download("some/premises", "v1", tmp_path, "owner/name") == link.parent

    link.write_bytes(b"contens")
    with pytest.raises(CorpusError, match=r"premises\.tar\.gz: its contents do not have the hub's checksum"):
        download("some/premises", "v1", tmp_path, "owner/name")
    assert not link.exists(), "the client fetches what is missing"


@pytest.mark.parametrize("repo", ["some/premises", "no//such name"])
def test_what_the_hub_cannot_give_is_a_corpus_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: str) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CorpusError, match=f"data set {repo} at v1 from the Hugging Face hub"):
        download(repo, "v1", tmp_path, "owner/name")
