"""Where a premise data set comes from: a folder, an archive, or the Hugging Face hub."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

from farm.errors import CorpusError

_ARCHIVE = "premises.tar.gz"
_SHA1_CHARS, _SHA256_CHARS = 40, 64
_DIGEST_CHARS = (_SHA1_CHARS, _SHA256_CHARS)


def download(repo: str, revision: str | None, cache_dir: Path, model: str) -> Path:
    """Fetch a data set from the hub, with the vectors of one model only, and return its folder.

    `HF_HUB_OFFLINE=1` makes the hub's client answer from `cache_dir`.

    Args:
        repo: a data set on the hub, such as `l3lab/lean-premises`.
        revision: branch, tag or commit; None for the default branch.
        cache_dir: the hub's cache.
        model: the embedding model, `owner/name`.

    Raises:
        CorpusError: the hub cannot be reached or has no such data set, or a file does not have the hub's checksum.
    """
    # This import takes 0.2 s, and a farm with a folder or the shipped corpus never needs it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # httpx or httpx2, by the hub's version

    patterns = [_ARCHIVE, f"embeddings/{model_name(model)}-*.npy"]
    try:
        folder = snapshot_download(
            repo, repo_type="dataset", revision=revision, cache_dir=cache_dir, allow_patterns=patterns
        )
    except (HTTPError, OSError, ValueError) as error:
        at = f" at {revision}" if revision else ""
        raise CorpusError(f"Cannot fetch the data set {repo}{at} from the Hugging Face hub: {error}") from error
    _verify(Path(folder))
    return Path(folder)


def _verify(folder: Path) -> None:
    """Compare files with the hub's checksums; delete a file that differs, so that it is fetched again.

    The hub's client checks sizes only. It names a file in its cache by the file's ETag. For a large file, that is the
    sha256 of the contents; for any other file, the sha1 by which git knows it.
    """
    for path in (_ARCHIVE, "embeddings/*.npy"):
        for link in folder.glob(path):
            blob = link.resolve()
            if len(blob.name) in _DIGEST_CHARS and _digest(blob) != blob.name:
                blob.unlink()
                raise CorpusError(f"{link}: its contents do not have the hub's checksum; it was deleted: try again")


def _digest(blob: Path) -> str:
    with blob.open("rb") as file:
        if len(blob.name) == _SHA256_CHARS:
            return hashlib.file_digest(file, "sha256").hexdigest()
        known = hashlib.sha1(b"blob %d\0" % blob.stat().st_size, usedforsecurity=False)
        known.update(file.read())
        return known.hexdigest()


def model_name(model: str) -> str:
    """Return a model id without its owner and `@revision`; names of files with vectors start with this."""
    return model.partition("@")[0].rpartition("/")[2]


def unpack(source: Path, cache_dir: Path) -> Path:
    """Return the data set folder: `source` itself, or a folder in `cache_dir` with the contents of its archive.

    Raises:
        CorpusError: there is no data set, or the archive is broken or would write outside its folder.
    """
    archive = source / _ARCHIVE
    if not archive.is_file():
        if (source / "Declarations").is_dir():
            return source
        raise CorpusError(f"{source}: holds neither {_ARCHIVE} nor Declarations/.")
    # The folder is named after the archive's contents, so an archive that was replaced is unpacked again.
    with archive.open("rb") as file:
        folder = cache_dir / f"premises-{hashlib.file_digest(file, 'sha256').hexdigest()[:24]}"
    if not folder.is_dir():
        _extract(archive, folder)
    return folder


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one member of an archive, safely: Pythons before 3.11.4 lack tarfile's own filter for hostile archives.

    Raises:
        tarfile.TarError: the member is not a plain file or folder, or would lie outside the archive's folder.
    """
    path = folder / member.name
    if not path.resolve().is_relative_to(folder.resolve()) or not (member.isfile() or member.isdir()):
        raise tarfile.TarError(f"{member.name!r} is not a plain file inside the archive's folder")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None, "a plain file has contents"  # noqa: S101
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)


def _extract(archive: Path, folder: Path) -> None:
    """Unpack an archive beside `folder`, then rename, so that a folder of that name is always complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                _write(tar, member, scratch)
        _publish(scratch, folder)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{archive}: cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(scratch: Path, folder: Path) -> None:
    try:
        scratch.rename(folder)
    except OSError:
        # Another process may have unpacked the same archive meanwhile: the folder's name says what is in it.
        if not folder.is_dir():
            raise
