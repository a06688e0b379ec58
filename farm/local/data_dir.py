"""The data folder, which only its owner may read: it holds proofs, verdicts, and the store's password."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path


def make_private(data_dir: Path) -> None:
    """Make a data folder that only its owner can read. If the folder exists, make it private.

    Earlier releases left the folder open to others. A folder that was not made by the farm and holds other data, such
    as a home or `/tmp`, keeps its mode, and only the farm's own files in it are made private.

    Raises:
        OSError: the folder cannot be made, or its path is not a folder.
    """
    try:
        data_dir.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        if _is_ours(data_dir):
            data_dir.chmod(0o700)
    for folder in (data_dir / "logs", data_dir / "valkey", data_dir / "vectors"):
        folder.mkdir(exist_ok=True, mode=0o700)
        _close(folder, 0o700)
    for path in (*data_dir.glob("logs/*.log"), *data_dir.glob("valkey/appendonlydir/*")):
        _close(path, 0o600)


def empty_temporary_folder(data_dir: Path) -> Path:
    """Empty the folder for temporary files, and return it. Processes that are killed leave files in this folder.

    The user may keep other things in the data folder, so the temporary folder has a name that only a farm gives.
    """
    folder = data_dir / "leanfarm-tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _is_ours(data_dir: Path) -> bool:
    known = data_dir.stat()
    if known.st_uid != os.geteuid() or known.st_mode & stat.S_ISVTX:
        return False
    return (data_dir / "lock").exists() or not any(data_dir.iterdir())


def _close(path: Path, mode: int) -> None:
    if not path.is_symlink() and path.stat().st_uid == os.geteuid():
        path.chmod(mode)
