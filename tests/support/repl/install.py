"""Write a folder that LeanInteract takes for a built REPL, and a `lake`, with the scripted REPL behind them. Not Lean.

    python -m tests.support.repl.install DIR [NAME=VALUE…]

prints LAKE_PATH and LEAN_REPL_DIR as shell assignments. The program is copied into DIR, so a sandbox that may read DIR
and the Python installation can run it. `lean-toolchain` begins with v4 because LeanInteract reads no other version.
"""

from __future__ import annotations

import py_compile
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .elaborate import LEAN_VERSION as _VERSION

LEAN_VERSION = f"v{_VERSION}"
"""What `LeanREPLConfig.lean_version` reports for an installed scripted REPL."""

_PACKAGE = "scripted_repl"
_NOT_PROGRAM = ("asking", "install", "serving", "transcripts")
_LAKE = """\
#!/bin/sh
# A scripted stand-in, not Lean. `env` spawns and waits, as the real lake does, so the tree is lake → repl.
case "$1" in
--version) echo "Lake version 0.0.0 (scripted stand-in, not Lean)" ;;
env) shift
    if [ $# -eq 0 ]; then exec env; fi
    "$@"
    exit $? ;;
*) echo "lake: scripted stand-in, not Lean: only --version and env are here" >&2
    exit 1 ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Install:
    """Where an installed scripted REPL is, as LeanREPLConfig takes it: `lake_path` and `local_repl_path`."""

    lake_path: Path
    repl_dir: Path

    @property
    def read_paths(self) -> tuple[Path, ...]:
        """What a sandbox has to let the program read and execute, beside the system's libraries."""
        return self.repl_dir, Path(sys.base_prefix).resolve()


def install(directory: Path, **environment: str) -> Install:
    """Write the folder; `environment` is exported by the REPL's own wrapper, so it survives a cleaned environment."""
    directory = directory.resolve()
    library = directory / ".lake" / "build" / "lib"
    _copy_program(library / _PACKAGE)
    (directory / "lean-toolchain").write_text(f"leanprover/lean4:{LEAN_VERSION}\n", encoding="utf-8")
    _write_executable(directory / ".lake" / "build" / "bin" / "repl", _wrapper(library, environment))
    _write_executable(directory / "lake", _LAKE)
    return Install(lake_path=directory / "lake", repl_dir=directory)


def _copy_program(package: Path) -> None:
    package.mkdir(parents=True, exist_ok=True)
    for module in Path(__file__).parent.glob("*.py"):
        if module.stem in _NOT_PROGRAM:
            continue
        copy = shutil.copy(module, package / module.name)
        # Compiled now: a sandboxed REPL cannot write the cache, and would compile at every start.
        py_compile.compile(str(copy), doraise=True)


def _wrapper(library: Path, environment: dict[str, str]) -> str:
    # The interpreter behind a virtual environment's link starts faster and needs nothing of that environment.
    python = Path(sys.executable).resolve()
    program = f"import sys; sys.path.insert(0, {str(library)!r}); from {_PACKAGE}.scripted import main; main()"
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    command = shlex.join([str(python), "-IS", "-c", program])
    return f"#!/bin/sh\n# The scripted REPL: a script, not Lean.\n{exports}exec {command}\n"


def _write_executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Replaced, not rewritten: a running shell reads its script while it executes it.
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(path)


def main(arguments: list[str]) -> int:
    """Install into the first argument; `NAME=VALUE` arguments are the environment."""
    if not arguments:
        print("usage: python -m tests.support.repl.install DIR [NAME=VALUE…]", file=sys.stderr)
        return 2
    pairs = (argument.partition("=") for argument in arguments[1:])
    done = install(Path(arguments[0]), **{name: value for name, _, value in pairs})
    print(f"LAKE_PATH={shlex.quote(str(done.lake_path))}\nLEAN_REPL_DIR={shlex.quote(str(done.repl_dir))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
