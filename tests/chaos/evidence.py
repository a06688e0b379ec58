"""The state of a farm when something in it is wrong, kept because the farm is gone when somebody reads the report."""

from __future__ import annotations

import psutil

from farm.celery_app import lean_queue
from tests.chaos.victim import Victim

_ENVIRONMENT = "default"
_LOG_LINES = 20


def evidence(ill: Victim) -> str:
    """Return what its store believes, what its processes do, and the ends of its logs."""
    return "\n".join([*_beliefs(ill), *_processes(ill), *_last_words(ill)])


def _beliefs(ill: Victim) -> list[str]:
    store = ill.redis()
    clients = [f"{each['cmd']}, idle {each['idle']} s" for each in store.client_list()]
    return [
        f"tokens believed out: {store.get(f'farm:tokens:{_ENVIRONMENT}')}",
        f"tokens on the broker: {store.llen(lean_queue(_ENVIRONMENT))}",
        f"proofs: {store.hgetall(f'farm:counts:{_ENVIRONMENT}')}",
        f"processes that idled while work waited: {store.get(f'farm:idle:{_ENVIRONMENT}')}",
        f"leases: {store.zrange('farm:leases', 0, -1, withscores=True)}, now {store.time()}",
        f"processes: {store.zrange(f'farm:workers:{_ENVIRONMENT}', 0, -1, withscores=True)}",
        f"connections: {clients}",
    ]


def _processes(ill: Victim) -> list[str]:
    found = []
    for process in ill.farm.processes():
        try:
            what = f"{process.status()}, {process.cpu_times().user} s of CPU, {' '.join(process.cmdline()[-3:])}"
            found.append(f"{process.pid}, child of {process.ppid()}: {what}")
        except psutil.Error:
            continue
    return found


def _last_words(ill: Victim) -> list[str]:
    words = []
    for log in sorted((ill.folder / "data" / "logs").glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        words += [f"{log.name}:", *(f"  {line[:400]}" for line in lines)]
    return words
