"""Files that are written as a whole: a reader finds the old content or the new content, and never a part of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.errors import ConfigurationError


def is_special(path: Path) -> bool:
    """Whether a path leads to something other than a file of its own.

    This is so for a FIFO, `/dev/null`, a folder, and a file to which this process's own output goes (`/dev/stdout`).
    """
    return path.exists() and (not path.is_file() or any(_is_open_as(path, descriptor) for descriptor in (1, 2)))


def _is_open_as(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


@contextmanager
def replacing(path: Path, new_mode: int = 0o666) -> Iterator[Path]:
    """Yield the path of a draft; after the block, the draft replaces the file at `path`.

    If `path` is a link, the file to which it leads is replaced. The file keeps its mode, and also its owner and group
    if this user may set them. A FIFO or a device is never replaced: its own path is yielded.

    Args:
        path: the file.
        new_mode: the mode of the file if it is new, before the umask is applied.

    Raises:
        ConfigurationError: the file cannot be written. It then has its old content.
    """
    with writing(path):
        if is_special(path):
            yield path
            return
        target = Path(os.path.realpath(path))
        before = target.stat() if target.exists() else None
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            draft.unlink(missing_ok=True)
            # Until the end, only those who can read the file can read the draft.
            draft.touch((before.st_mode & 0o777 | stat.S_IWUSR) if before else new_mode, exist_ok=False)
            yield draft
            if before:
                keep_owner(draft, before)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def keep_owner(path: Path, before: os.stat_result) -> None:
    """Give a file the owner, group and mode of an earlier file, as far as this user may."""
    mode = stat.S_IMODE(before.st_mode)
    for owner in (before.st_uid, -1):
        try:
            os.chown(path, owner, before.st_gid)
            break
        except OSError:
            continue
    else:
        # This user's group must not get the rights that the earlier file's group had.
        mode &= ~stat.S_IRWXG
    path.chmod(mode)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a ConfigurationError that names the file."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}") from error
