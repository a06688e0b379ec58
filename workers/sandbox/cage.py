"""Sets up the sandbox around this process, and becomes the REPL inside it. If a layer is missing, nothing starts.

The order matters. Paths are opened first, while this process still can open them. Then the user id changes. Only then
does this process ask the kernel to kill it when its parent ends, because a change of the id would cancel that request.
no_new_privs precedes the layers that need it. seccomp comes last, because it forbids the calls that set up the other
layers.
"""

from __future__ import annotations

import os
import sys

from workers.sandbox import identity, landlock, limits, seccomp
from workers.sandbox.kernel import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, Missing, error, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from workers.sandbox.plan import Cage

_SIGKILL = 9
OPEN_LAYERS = ("rlimits", "no_new_privs", "pdeathsig")
"""The layers that are set up even where the sandbox is off."""


def die_with_parent() -> None:
    """Make the kernel kill this process when the thread that started it ends.

    Raises:
        Missing: the kernel refuses.
    """
    parent = os.getppid()
    if not prctl(PR_SET_PDEATHSIG, _SIGKILL):
        raise Missing(f"the kernel will not end the REPL with its worker: {error()}")
    if os.getppid() != parent:  # the parent died before the kernel was asked
        os._exit(1)


def forbid_new_privileges() -> None:
    """Make set-user-id bits ineffective for this process and its children, for ever."""
    if not prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise Missing(f"no_new_privs is refused: {error()}")


def make_scratch(root: str, user: int | None) -> str:
    """Make a folder for this process alone, and return its path.

    Its name is `WORKER-REPL`: the process ids of the worker and of this process. A dead process may have had the same
    ids; the folder of that process is removed first.
    """
    scratch = f"{root}/{os.getppid()}-{os.getpid()}"
    clear_scratch(scratch)
    os.mkdir(scratch)
    if user is not None:
        os.chown(scratch, user, -1)
    os.chmod(scratch, 0o770)  # noqa: S103 - the worker's group, so that the worker can remove what is in it
    return scratch


def clear_scratch(scratch: str) -> None:
    """Remove a scratch folder, if there is one. It has no subfolders, because the REPL can make only files in it."""
    try:
        folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        for name in os.listdir(folder):
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(folder)
    os.rmdir(scratch)


def user_of(cage: Cage) -> int | None:
    """Return the user id for a REPL whose worker is this process's parent; None means the worker's own user id."""
    if cage["users"] is None:
        return None
    first, count = cage["users"]
    return first + os.getppid() % count


def restrict(cage: Cage, scratch: str, user: int | None) -> list[str]:
    """Set up every layer around this process; return their names, outermost first.

    Args:
        cage: what is allowed.
        scratch: the one folder that this process may write to.
        user: the id to take, or None.

    Raises:
        Missing: a layer cannot be set up.
    """
    version = landlock.abi()
    rules = landlock.Ruleset(version)
    rules.allow(cage["read"], landlock.READ)
    rules.allow(cage["run"], landlock.RUN)
    rules.allow(cage["devices"], landlock.DEVICE)
    rules.allow([scratch], landlock.SCRATCH)
    limits.apply(cage["address_space_mb"])
    if user is None:
        identity.give_up_capabilities()
    else:
        identity.become(user, may_search=cage["may_search"])
        limits.bound_threads(cage["threads"])
    die_with_parent()
    forbid_new_privileges()
    rules.restrict()
    seccomp.install(seccomp.assemble(os.uname().machine, os.getpid(), fork=cage["fork"]))
    named = [f"landlock:{version}", "seccomp", *OPEN_LAYERS, "scratch"]
    return [*named, "uid"] if user is not None else named


def become(
    cage: Cage, scratch: str, user: int | None, program: list[str], environment: dict[str, str], *, in_scratch: bool
) -> None:
    """Become the REPL inside the sandbox. This never returns.

    Args:
        cage: what is allowed.
        scratch: the one folder that the REPL may write to.
        user: the id to take, or None.
        program: what to run, and its arguments.
        environment: the REPL's environment, to which `HOME` and `TMPDIR` are added, both naming `scratch`.
        in_scratch: whether the REPL starts in `scratch`, rather than in this process's current folder.

    Raises:
        Missing: a layer cannot be set up, or the program cannot be run.
    """
    restrict(cage, scratch, user)
    try:
        if in_scratch:
            os.chdir(scratch)
        os.execve(program[0], program, {**environment, "HOME": scratch, "TMPDIR": scratch})
    except OSError as failure:
        raise Missing(f"{program[0]} cannot be run inside the sandbox: {failure.strerror}") from failure


def show_layers(cage: Cage, scratch: str, user: int | None) -> None:
    """Set up the sandbox and print the names of its layers."""
    outside = ["bubblewrap"] if cage["bubblewrap"] else []
    sys.stdout.write(" ".join([*outside, *restrict(cage, scratch, user)]) + "\n")
