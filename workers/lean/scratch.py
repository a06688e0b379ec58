"""Claims and cleans the folder that holds a worker's launcher and its REPLs' scratch folders.

A REPL may write only to its own scratch folder. The kernel bounds the size of each file; the code here bounds how many
files there are, and how long they stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import structlog

from farm.metric_series import Bound, MetricSeries
from farm.processes import end_session
from workers.background_threads import BackgroundThread
from workers.metric_counts import Metrics
from workers.sandbox.cage import clear_scratch

LIMIT_MB = 256
"""The disk space that the files of one REPL may take together."""
LIMIT_FILES = 4096
_TICK_S = 0.5
# This is long enough to sweep a folder full of small files on a slow disk.
_STUCK_S = 120.0
_SWEEP_EVERY_TICKS = 20
_MB = 1 << 20

_log = structlog.get_logger()
_held = contextlib.ExitStack()


def claim_folder(root: Path) -> Path:
    """Return a new folder below `root` for this process and its children; remove folders whose processes are gone.

    A folder is in use while its lock is held: the kernel releases the lock when the last process that inherited it
    ends.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root):
        for other in root.iterdir():
            with contextlib.suppress(OSError), _locked(other, fcntl.LOCK_NB):
                shutil.rmtree(other, ignore_errors=True)
        # The process id alone is not enough: another container may share `root`, and have a process of the same id.
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
        folder.chmod(0o711)
        (folder / "scratch").mkdir(mode=0o711)
        _held.enter_context(_locked(folder))
    return folder


@contextlib.contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(lock)


class ScratchKeeper(BackgroundThread):
    """Removes scratch folders that nobody uses any more, and ends this process's REPL if the REPL writes too much.

    Args:
        folder: what `claim_folder` returned.
        figures: where REPLs that were ended for writing too much are counted.
    """

    def __init__(self, folder: Path, figures: Metrics) -> None:
        super().__init__("scratch", _STUCK_S)
        self._figures = figures
        self._root = folder / "scratch"

    def work(self) -> None:
        """Check twice a second, and sweep every ten seconds, for ever."""
        for tick in itertools.count():
            self.turn()
            if tick % _SWEEP_EVERY_TICKS == 0:
                self.sweep()
            self.look()
            time.sleep(_TICK_S)

    def look(self) -> None:
        """Check the scratch folders of this process. Each process of the worker does this, so it has to be cheap."""
        for scratch in self._root.glob(f"{os.getpid()}-*"):
            # The REPL itself, or another keeper's sweep, may have removed the folder.
            with contextlib.suppress(OSError):
                self._look_at(scratch, _repl_of(scratch))

    def sweep(self) -> None:
        """Remove every scratch folder whose REPL is gone.

        These include the folders of worker processes that have died too. `look` checks only the folders of its own
        process.
        """
        for scratch in self._root.iterdir():
            if not psutil.pid_exists(_repl_of(scratch)):
                with contextlib.suppress(OSError):
                    clear_scratch(str(scratch))

    def _look_at(self, scratch: Path, repl: int) -> None:
        if _is_over(repl):
            clear_scratch(str(scratch))
        elif _is_too_large(scratch):
            _log.warning("scratch.too_large", limit_mb=LIMIT_MB, limit_files=LIMIT_FILES)
            self._figures.count(MetricSeries.SANDBOX_DENIALS, Bound.SCRATCH)
            end_session(repl)


def _repl_of(scratch: Path) -> int:
    return int(scratch.name.partition("-")[2])


def _is_over(repl: int) -> bool:
    """Whether a REPL of this process has ended.

    The id alone does not show this: the REPL may be a zombie, or another process may have the id by now.
    """
    try:
        process = psutil.Process(repl)
        return process.status() == psutil.STATUS_ZOMBIE or process.ppid() != os.getpid()
    except psutil.Error:
        return True


def _is_too_large(scratch: Path) -> bool:
    total = 0
    with os.scandir(scratch) as files:
        for count, file in enumerate(files, 1):
            total += file.stat(follow_symlinks=False).st_blocks * 512
            if count > LIMIT_FILES or total > LIMIT_MB * _MB:
                return True
    return False
