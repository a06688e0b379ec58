"""What LeanInteract runs as `lake`: it starts the REPL so that it cannot outlive or outgrow its worker.

`launcher.py PLAN env CMD ARG…` runs CMD in the environment that the real `lake env` gave when the farm was prepared, in
this very process: `lake env` would spawn it and wait, and a killed lake leaves its REPL behind. Anything else goes to
the real lake. Standard library only, started with -IS: it is on the path of every REPL start.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_FAILED = 125
_OWNER_VARIABLE = "LEANFARM_WORKER"  # farm.processes.OWNER_VARIABLE


def _fail(what: str) -> None:
    sys.stderr.write(f"leanfarm launcher: {what}\n")
    os._exit(_FAILED)


def _restrict(plan: dict[str, Any]) -> None:
    """Apply the limits of the plan; what cannot be applied stops the start."""
    parent = os.getppid()
    os.closerange(3, 65536)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit, ceiling = plan["address_space_mb"] << 20, resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        _fail(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # the worker died before the kernel was asked to tell us
        os._exit(_FAILED)


def main() -> None:
    """Run one lake command under the plan."""
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes 10 ms to import
        plan = json.load(file)
    command = sys.argv[2:]
    if command[:1] != ["env"] or len(command) < 2:
        os.execv(plan["lake"], [plan["lake"], *command])
    if sys.platform == "linux":
        _restrict(plan)
    owner = {_OWNER_VARIABLE: os.environ.get(_OWNER_VARIABLE, "")}
    if plan["environment"] is None:
        os.execve(plan["lake"], [plan["lake"], *command], {**plan["inherited"], **owner})
    os.execve(command[1], command[1:], {**plan["environment"], **owner})


if __name__ == "__main__":
    main()
