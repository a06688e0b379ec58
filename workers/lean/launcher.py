"""The program that LeanInteract runs as `lake`: it starts the REPL in a sandbox, and makes it end with its worker.

With `PLAN env CMD ARG…`, this process becomes CMD. CMD gets the environment that the real `lake env` gave when the farm
was prepared. (The real `lake env` would start CMD and wait for it. If `lake` were killed, the REPL would live on.)
`apart` does the same as `env`, but in the scratch folder. `layers` sets up the same sandbox, and prints the names of
its layers. Any other command is passed on to the real lake. Every start of a REPL runs this file, so it imports only
the standard library, and little of that.
"""

from __future__ import annotations

import marshal
import os
import sys

from workers.sandbox import cage, limits
from workers.sandbox.kernel import Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workers.sandbox.plan import Cage, Plan

_FAILED = 125
_OWNER_VARIABLE = "LEANFARM_WORKER"  # farm.processes.OWNER_VARIABLE


def main() -> None:
    """Carry out one command of lake; an error becomes a sentence on stderr."""
    try:
        _run(sys.argv[1], sys.argv[2], sys.argv[3:])
    except (Missing, OSError) as failure:
        sys.stderr.write(f"leanfarm launcher: {failure}\n")
        sys.exit(_FAILED)


def _run(path: str, verb: str, arguments: list[str]) -> None:
    with open(path, "rb") as file:
        plan: Plan = marshal.load(file)  # noqa: S302 - the worker's own file; json takes 7 ms to import
    if verb == "inside":
        scratch, user, verb, *arguments = arguments
        _close_in(plan, plan["cage"], scratch, int(user) if user else None, verb, arguments)
    elif verb in ("env", "apart", "layers") and (arguments or verb == "layers"):
        os.closerange(3, 65536)
        _start(path, plan, verb, arguments)
    else:
        os.execv(plan["lake"], [plan["lake"], verb, *arguments])


def _start(path: str, plan: Plan, verb: str, arguments: list[str]) -> None:
    kept = plan["cage"]
    if kept is None:
        _start_open(plan, verb, arguments)
        return
    user = cage.user_of(kept)
    scratch = cage.make_scratch(kept["scratch"], user)
    if not kept["bubblewrap"]:
        _close_in(plan, kept, scratch, user, verb, arguments)
        return
    from workers.sandbox import bubblewrap

    cage.die_with_parent()
    inner = [*plan["launcher"], path, "inside", scratch, "" if user is None else str(user), verb, *arguments]
    command = bubblewrap.command(kept, [*plan["visible"], path], scratch, inner)
    os.execve(command[0], command, _environment(plan))


def _close_in(plan: Plan, kept: Cage | None, scratch: str, user: int | None, verb: str, arguments: list[str]) -> None:
    if kept is None:
        raise Missing("the plan has no sandbox")
    if verb == "layers":
        cage.show_layers(kept, scratch, user)
    else:
        cage.become(kept, scratch, user, arguments, _environment(plan), in_scratch=verb == "apart")


def _start_open(plan: Plan, verb: str, arguments: list[str]) -> None:
    """Start the REPL with the worker's own rights, because the operator set `SANDBOX=off`."""
    shown = ""
    if sys.platform == "linux":
        limits.apply_least(plan["address_space_mb"])
        cage.die_with_parent()
        cage.forbid_new_privileges()
        shown = " ".join(cage.OPEN_LAYERS)
    if verb == "layers":
        sys.stdout.write(shown + "\n")
    elif plan["environment"] is None and verb == "env":
        os.execve(plan["lake"], [plan["lake"], verb, *arguments], _environment(plan))
    else:
        os.execve(arguments[0], arguments, _environment(plan))


def _environment(plan: Plan) -> dict[str, str]:
    known = plan["inherited"] if plan["environment"] is None else plan["environment"]
    return {**known, _OWNER_VARIABLE: os.environ.get(_OWNER_VARIABLE, "")}
