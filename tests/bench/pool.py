"""The baseline: a plain multiprocessing pool of stock AutoLeanServers, as a user of LeanInteract would write it."""

from __future__ import annotations

import multiprocessing
import time

from lean_interact import AutoLeanServer, Command, LeanREPLConfig
from lean_interact.interface import CommandResponse

from tests.support.repl.install import Install

_server: AutoLeanServer
_env: int


def _start(config: LeanREPLConfig, header: str) -> None:
    global _server, _env  # one server per process of the pool
    _server = AutoLeanServer(config, max_total_memory=1.0)
    response = _server.run(Command(cmd=header), timeout=60)
    assert isinstance(response, CommandResponse)
    _env = response.env


def _verify(body: str) -> bool:
    response = _server.run(Command(cmd=body, env=_env), timeout=60)
    return isinstance(response, CommandResponse) and response.lean_code_is_valid(allow_sorry=False)


def pool_seconds(repl: Install, header: str, bodies: list[str], processes: int, rounds: int) -> list[float]:
    """Return how long the pool takes for all bodies, each round; starting it and the header are not counted."""
    config = LeanREPLConfig(local_repl_path=repl.repl_dir, build_repl=False, lake_path=repl.lake_path)
    context = multiprocessing.get_context("fork")
    taken = []
    with context.Pool(processes, _start, (config, header)) as pool:
        pool.map(_verify, bodies[: 2 * processes], chunksize=1)
        for _ in range(rounds):
            started = time.monotonic()
            assert all(pool.map(_verify, bodies, chunksize=8))
            taken.append(time.monotonic() - started)
    return taken
