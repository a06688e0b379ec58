"""Files that are written as a whole: a reader finds the old content or the new content, and never a part of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.errors import ConfigurationError


def is_special(path: Path) -> bool:
    """Whether a path leads to something other than a file, such as a FIFO, `/dev/null` or a folder."""
    return path.exists() and not path.is_file()


@contextmanager
def replacing(path: Path, new_mode: int = 0o666) -> Iterator[Path]:
    """Yield the path of a temporary file; after the block, this file replaces the file at `path`.

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
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            fresh.unlink(missing_ok=True)
            # Until the end, nobody can read the draft who cannot read the file.
            fresh.touch((before.st_mode & 0o777 | stat.S_IWUSR) if before else new_mode, exist_ok=False)
            yield fresh
            if before:
                keep_owner(fresh, before)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)


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
        # The rights of the earlier file's group are not for this user's group.
        mode &= ~stat.S_IRWXG
    path.chmod(mode)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into a ConfigurationError that names the file."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}") from error
