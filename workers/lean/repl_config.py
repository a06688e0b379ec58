"""How LeanInteract finds and starts the REPL."""

from __future__ import annotations

import os

from lean_interact import LeanREPLConfig, LocalProject

from farm.errors import LeanNotFound
from farm.settings import Settings

Config = LeanREPLConfig


def configure(settings: Settings, lake: str) -> Config:
    """Return LeanInteract's configuration; if `LEAN_REPL_DIR` is not set, LeanInteract fetches and builds a REPL first.

    Raises:
        LeanNotFound: `LEAN_REPL_DIR` holds no built REPL.
    """
    project = settings.lean_project_dir
    repl_dir = settings.lean_repl_dir.absolute() if settings.lean_repl_dir else None
    if repl_dir and not os.access(repl_dir / ".lake/build/bin/repl", os.X_OK):
        raise LeanNotFound(
            f"LEAN_REPL_DIR has no built REPL: {repl_dir}/.lake/build/bin/repl cannot be run. Run `lake build` in that "
            "folder, or unset LEAN_REPL_DIR: leanfarm then builds a REPL itself"
        )
    # If LeanInteract knows a hard limit on memory, it scans the process tree before each command (1.5 ms). So the farm
    # names the limit only if LEAN_MAX_PROCESS_MEMORY, which is a share of this limit, is set.
    hard_limit_mb = settings.address_space_mb if settings.lean_max_process_memory else None
    return LeanREPLConfig(
        lean_version=None if project else settings.lean_version or None,
        project=LocalProject(directory=project.absolute(), auto_build=False, lake_path=lake) if project else None,
        local_repl_path=repl_dir,
        build_repl=repl_dir is None,
        cache_dir=settings.data_dir.absolute() / "lean",
        lake_path=lake,
        memory_hard_limit_mb=hard_limit_mb,
        enable_incremental_optimization=settings.lean_incremental,
        enable_parallel_elaboration=settings.lean_parallel,
    )
