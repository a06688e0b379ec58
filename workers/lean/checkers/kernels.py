"""Asks the checkers comparator, leanchecker and nanoda to judge an export of a proof.

The statement and the submission are compiled and exported, each in a sandbox of its own. Only the exported text leaves
the sandbox, and the processes that judge it load no .olean. The command lines follow nanoda_lib (src/main.rs) and Lean
4.35 (src/lake/Lake/CLI/Check.lean, src/LeanChecker.lean).
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from farm.challenge import Challenge
from farm.checker_names import COMPARATOR, LEANCHECKER, NANODA
from farm.models import Proof
from farm.prepared_proof import Prepared, prepare
from farm.source import assemble
from workers.lean.binding.answers import ALLOWED_AXIOMS
from workers.lean.checkers.evidence import Answer, Attestation
from workers.lean.checkers.judgments import read, together
from workers.lean.checkers.process import CheckerFailed, Confined

NEEDED = {COMPARATOR: ("lean", "leanexport", "lake"), LEANCHECKER: ("leanchecker",), NANODA: ("nanoda_bin",)}
"""The programs that each checker needs."""
ALSO = ("leanchecker", "git", "which", "env")
"""Further programs that `lake comparator` looks for or starts."""

# Both exports have the same module name. Private names contain the module name, and the private names of the
# declarations before the theorem have to be equal in both exports.
_MODULE = "Proof"
_COMPILE = (
    "lean=$1 export=$2 folder=$3; shift 3; "
    '"$lean" --root="$folder" -o Proof.olean "$folder/Proof.lean" </dev/null >/dev/null 2>&1 || exit 9; '
    'LEAN_PATH="$PWD${LEAN_PATH:+:$LEAN_PATH}" exec "$export" Proof -- "$@"'
)
_NOT_COMPILED = 9
_ALOUD = 'exec "$@" 2>&1'
_EXPORT_LIMIT_BYTES = 2 << 30
_WORDS_LIMIT_BYTES = 1 << 20
_HELP_TIMEOUT_S = 30.0
_VERSION_LIMIT_CHARS = 30
# The kernel computes with these declarations even if a theorem does not mention them. comparator compares them between
# the submission and the statement, so they have to be in both exports (primitiveTargets and builtinTargets in
# Check.lean).
_PRIMITIVES = (
    *("Nat.add", "Nat.sub", "Nat.mul", "Nat.pow", "Nat.gcd", "Nat.div", "Nat.mod", "Nat.beq", "Nat.ble"),
    *("Nat.land", "Nat.lor", "Nat.xor", "Nat.shiftLeft", "Nat.shiftRight"),
    *("Nat", "String", "String.mk", "String.ofList", "Char", "Char.ofNat", "List", "eagerReduce"),
    *("optParam", "autoParam", "semiOutParam", "outParam", "Quot", "Quot.mk", "Quot.lift", "Quot.ind"),
)
_MANIFEST = {"version": "1.1.0", "packagesDir": ".lake/packages", "packages": [], "name": "judged", "lakeDir": ".lake"}


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs and folders of this host that the checkers use.

    Attributes:
        names: the checkers that are asked, comparator first.
        start: the launcher that confines a command; it is put before the command.
        shell: the shell inside the sandbox.
        folder: the folder in which confined commands may read the files that are made for them.
        programs: the checkers' programs, by name.
        lean_version: the toolchain to which the programs belong.
    """

    names: tuple[str, ...]
    start: tuple[str, ...]
    shell: str
    folder: Path
    programs: Mapping[str, str]
    lean_version: str | None


class Kernels:
    """Asks each checker about the same export of a proof; the proof is accepted if all checkers accept it.

    Args:
        tools: the checkers' programs and folders.
        timeout_s: seconds that all checkers together may take for one proof.
        stopped: says whether this process has to stop; it is called now and then.

    Raises:
        CheckerFailed: a program is missing, or does not print its version.
        GivenUp: this process has to stop.
    """

    def __init__(self, tools: Tools, timeout_s: float, stopped: Callable[[], bool] = lambda: False) -> None:
        self._tools = tools
        self._timeout_s = timeout_s
        self._confined = Confined(tools.start, stopped)
        for name in tools.names:
            if missing := [program for program in NEEDED[name] if not tools.programs.get(program)]:
                raise CheckerFailed(f"{name} needs `{missing[0]}`, which is missing (Lean 4.35 and later have it)")
        self._versions = {name: self._version(name) for name in tools.names}
        self.version = " + ".join(self._versions.values())

    def check(self, proof: Proof, environment: dict[str, Any]) -> Attestation:
        """Return the checkers' joint answer on a proof.

        The joint answer is `failed` if the export or a checker fails, and no checker rejects the proof.

        Args:
            proof: the proof, which must have a statement.
            environment: what the proof's verdict says about the Lean environment. It is not used, because the tools
                belong to one environment.

        Raises:
            GivenUp: this process has to stop.
        """
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(dir=self._tools.folder) as name:
                folder = Path(name)
                folder.chmod(0o755)
                answers = tuple(self._ask_all(proof, folder, started + self._timeout_s))
        except (CheckerFailed, OSError) as failure:
            return Attestation("failed", self.version, _since(started), str(failure))
        answer, detail = together(answers)
        return Attestation(answer, self.version, _since(started), detail, answers)

    def _ask_all(self, proof: Proof, folder: Path, deadline: float) -> Iterator[Attestation]:
        prepared = prepare(proof)
        if prepared.challenge is None:
            raise CheckerFailed("Without a statement there is nothing to compare with")
        names = [each.name for each in prepared.challenge.asked]
        challenge = self._export(folder / "challenge", _left_open(prepared.challenge), names, deadline)
        solution = self._export(folder / "solution", assemble(proof).text, names, deadline)
        commands = {
            COMPARATOR: lambda: self._comparator(folder, prepared, challenge, solution),
            LEANCHECKER: lambda: [self._tools.programs["leanchecker"], "--from-export", str(solution)],
            NANODA: lambda: [self._tools.programs["nanoda_bin"], str(_nanoda(folder, solution))],
        }
        for name in self._tools.names:
            started = time.monotonic()
            answer, detail = self._judge(name, commands[name](), deadline)
            yield Attestation(answer, self._versions[name], _since(started), detail)

    def _export(self, folder: Path, text: str, names: list[str], deadline: float) -> Path:
        """Compile a text and export the declarations with these names, in one sandbox; return the exported file."""
        folder.mkdir()
        folder.chmod(0o755)
        _hand(folder / "Proof.lean", text.encode())
        programs, exported = self._tools.programs, folder.with_suffix(".ndjson")
        script = [self._tools.shell, "-c", _COMPILE, "sh", programs["lean"], programs["leanexport"], str(folder)]
        command = [*script, *dict.fromkeys((*names, *sorted(ALLOWED_AXIOMS), *_PRIMITIVES))]
        with exported.open("wb") as sink:
            status = self._confined.run(command, deadline, sink, _EXPORT_LIMIT_BYTES)
        if status:
            what = "compiled" if status == _NOT_COMPILED else f"exported (status {status})"
            raise CheckerFailed(f"The {folder.name} could not be {what} on its own")
        exported.chmod(0o644)
        return exported

    def _comparator(self, folder: Path, prepared: Prepared, challenge: Path, solution: Path) -> list[str]:
        config = {
            "challenge_module": _MODULE,
            "solution_module": _MODULE,
            "theorem_names": [each.name for each in prepared.targets],
            "definition_names": [each.name for each in prepared.holes],
            "permitted_axioms": sorted(ALLOWED_AXIOMS),
        }
        _hand(folder / "comparator.json", orjson.dumps(config))
        _hand(folder / "lakefile.toml", b'name = "judged"\n')
        _hand(folder / "lake-manifest.json", orjson.dumps(_MANIFEST))
        exports = ["--challenge-from-export", str(challenge), "--solution-from-export", str(solution)]
        # comparator's own sandbox cannot run inside the farm's sandbox. It is not needed: if comparator is given both
        # exports, it builds and runs nothing of the submission.
        own = [f"--dir={folder}", "comparator", "--config", str(folder / "comparator.json")]
        return [self._tools.programs["lake"], *own, *exports, "--inadvisably-no-sandbox"]

    def _judge(self, name: str, command: list[str], deadline: float) -> tuple[Answer, str]:
        said = io.BytesIO()
        aloud = [self._tools.shell, "-c", _ALOUD, "sh", *command]
        try:
            status = self._confined.run(aloud, deadline, said, _WORDS_LIMIT_BYTES)
        except CheckerFailed as failure:
            return "failed", str(failure)
        return read(name, status, said.getvalue().decode(errors="replace"))

    def _version(self, name: str) -> str:
        if name != NANODA:
            return f"{name} {self._tools.lean_version}"
        said = io.BytesIO()
        command = [self._tools.programs["nanoda_bin"], "--help"]
        self._confined.run(command, time.monotonic() + _HELP_TIMEOUT_S, said, _WORDS_LIMIT_BYTES)
        words = said.getvalue().decode(errors="replace").split()[:2]
        if len(words) < 2 or not words[1].isprintable() or "|" in words[1] or len(words[1]) > _VERSION_LIMIT_CHARS:
            raise CheckerFailed("`nanoda_bin --help` does not begin with its name and version")
        return f"{name} {words[1]}"


def _left_open(challenge: Challenge) -> str:
    """Return the statement as a file of its own, with `sorry` in the place of each proof and value to be found."""
    signatures = {each.name: each.signature for each in challenge.asked}
    pieces = (
        f"{signatures[piece.name]} := sorry" if piece.name else piece.text
        for piece in challenge.pieces
        if piece.kind != "corollary"
    )
    return (challenge.header and challenge.header + "\n") + "".join(pieces)


def _nanoda(folder: Path, export: Path) -> Path:
    config = {
        "use_stdin": False,
        "export_file_path": str(export),
        "permitted_axioms": sorted(ALLOWED_AXIOMS),
        "unpermitted_axiom_hard_error": True,
        "nat_extension": True,
        "string_extension": True,
        "print_success_message": True,
    }
    return _hand(folder / "nanoda.json", orjson.dumps(config))


def _hand(path: Path, content: bytes) -> Path:
    """Write a file that processes with another user id may read, and return its path."""
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
