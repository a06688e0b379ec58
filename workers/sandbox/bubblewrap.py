"""bubblewrap, an optional layer around the others: namespaces, and a file system with only the allowed files."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.sandbox.plan import Cage

_ROOT_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
# The launcher inside bubblewrap needs these capabilities to set up the other layers, and drops them there.
_ROOT_CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH")


def command(cage: Cage, visible: Sequence[str], scratch: str, inner: Sequence[str]) -> list[str]:
    """Return a bubblewrap command: in it, `inner` sees only files that it may read, and can write only to `scratch`.

    Args:
        cage: what may be read and run.
        visible: what the launcher itself needs to see in addition.
        scratch: the REPL's scratch folder.
        inner: the command of the launcher, which sets up the other layers.
    """
    # A privileged worker gets no user namespace: inside one, there would be no other user id to change to.
    spaces = list(_ROOT_NAMESPACES) if cage["users"] else ["--unshare-all"]
    rights = [each for name in _ROOT_CAPABILITIES for each in ("--cap-add", name)] if cage["users"] else []
    shown = _outermost([*cage["read"], *cage["run"], *visible])
    binds = [each for path in shown for each in ("--ro-bind-try", path, path)]
    places = ["--proc", "/proc", "--dev", "/dev", "--bind", scratch, scratch, "--chdir", os.getcwd()]
    return [cage["bubblewrap"], *spaces, *rights, "--die-with-parent", *binds, *places, "--", *inner]


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return the paths that are not below another path and not in /proc or /dev, which bubblewrap makes itself."""
    outer: list[str] = []
    for path in sorted(paths):
        if not any(path == other or path.startswith(other + "/") for other in ("/proc", "/dev", *outer)):
            outer.append(path)
    return outer
