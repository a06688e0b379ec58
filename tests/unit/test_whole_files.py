"""What is left of a file, and of what is no file, once a command has written to it."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.cli.unfinished_runs import UnfinishedRun
from farm.cli.verdicts import open_output, rows_writer
from farm.client.manifest import identify
from farm.errors import ConfigurationError, InvalidRequest
from farm.keys import create_key, read_keys, revoke_key
from farm.models import Proof, verdict
from farm.whole_files import replacing

NOBODY = 65534
ASKED = {"level": "compiled"}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[Path, Future[bytes]]]:
    """A FIFO, and what its one reader gets until the FIFO is closed for the first time."""
    fifo = tmp_path / "fifo.jsonl"
    os.mkfifo(fifo)
    with ThreadPoolExecutor(1) as pool:
        yield fifo, pool.submit(fifo.read_bytes)
        # If a test fails before it opens the FIFO, the reader is still waiting.
        os.close(os.open(fifo, os.O_RDWR))


def test_rows_go_into_a_fifo(reader: tuple[Path, Future[bytes]]) -> None:
    fifo, read = reader
    write = rows_writer(fifo, is_parquet=False)

    assert write([{"id": "a"}]) == 1
    assert read.result(10) == b'{"id": "a"}\n'
    assert fifo.is_fifo()


def test_verdicts_go_into_a_fifo_by_a_link(reader: tuple[Path, Future[bytes]], tmp_path: Path) -> None:
    fifo, read = reader
    link = tmp_path / "link.jsonl"
    link.symlink_to(fifo)

    output = open_output(link, [identify(Proof(code="x"), 0)], ASKED)
    output.add(verdict("0", 0, reason=None))
    output.close()

    assert read.result(10).startswith(b'{"id": "0"')
    assert link.is_symlink()
    assert fifo.is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_fifo_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o400)

    with pytest.raises(InvalidRequest, match="cannot be written"):
        rows_writer(tmp_path / "fifo", is_parquet=False)


def test_a_link_still_leads_to_the_file(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "elsewhere" / "file"
    file.parent.mkdir()
    link.symlink_to(file)

    for number in range(2):
        rows_writer(link, is_parquet=False)([{"number": number}])

        assert link.is_symlink()
        assert file.read_text() == f'{{"number": {number}}}\n'


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o400])
def test_a_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(mode)

    with replacing(file) as fresh:
        fresh.write_text("new")
        assert not fresh.stat().st_mode & 0o077 & ~mode, "the draft is open to nobody else"

    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", mode)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_leaves_the_keys_to_the_user_of_the_api(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    create_key(path, "first")
    os.chown(path, NOBODY, NOBODY)
    path.chmod(0o640)

    create_key(path, "second")
    revoke_key(path, "first")

    for each in (path, tmp_path / ".keys.lock"):
        known = each.stat()
        assert (known.st_uid, known.st_gid, stat.S_IMODE(known.st_mode)) == (NOBODY, NOBODY, 0o640)
    assert list(read_keys(path)) == ["second"]


@contextmanager
def full_disk(free_bytes: int) -> Iterator[None]:
    """Let no file grow further than this: a write then fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_record_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    record = UnfinishedRun.make([], {}, "http://farm", set())
    record.write(path)
    before = path.read_text()
    record.batches.extend(["b"] * 1000)

    with full_disk(len(before)), pytest.raises(ConfigurationError, match="cannot be written"):
        record.write(path)

    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
