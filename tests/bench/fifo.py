"""The baseline for the long tail: stock AutoLeanServers take proofs in order, and each has its full time at once."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

from lean_interact import AutoLeanServer, Command, LeanREPLConfig
from lean_interact.interface import CommandResponse

from tests.support.repl.install import Install


def fifo_seconds(
    repl: Install, header: str, bodies: list[str], processes: int, timeout_s: float
) -> list[tuple[float, bool]]:
    """Return for each proof when it was done, in seconds from the start, and whether it ended before its timeout.

    Starting the processes and their first header load are not counted.
    """
    context = multiprocessing.get_context("fork")
    todo, done, ready = context.Queue(), context.Queue(), context.Barrier(processes + 1)
    for body in [*bodies, *[None] * processes]:
        todo.put(body)
    workers = [
        context.Process(target=_serve, args=(repl, header, timeout_s, todo, done, ready)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.monotonic()
    ends = [done.get() for _ in bodies]
    for worker in workers:
        worker.join()
    return [(end - started, ended) for end, ended in ends]


def _serve(repl: Install, header: str, timeout_s: float, todo: Any, done: Any, ready: Any) -> None:
    config = LeanREPLConfig(local_repl_path=repl.repl_dir, build_repl=False, lake_path=repl.lake_path)
    server = AutoLeanServer(config, max_total_memory=1.0)
    env = _load(server, header)
    ready.wait()
    while (body := todo.get()) is not None:
        try:
            server.run(Command(cmd=body, env=env), timeout=timeout_s)
            done.put((time.monotonic(), True))
        except TimeoutError:
            done.put((time.monotonic(), False))
            env = _load(server, header)
    server.kill()


def _load(server: AutoLeanServer, header: str) -> int:
    response = server.run(Command(cmd=header), timeout=60)
    assert isinstance(response, CommandResponse)
    return response.env
