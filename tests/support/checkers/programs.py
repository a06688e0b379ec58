"""Installed under five names (tests/support/checkers); the name under which it runs says which program it is."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

AXIOMS = ["Classical.choice", "Quot.sound", "propext"]
ARGUMENTS = sys.argv[1:]


def need(condition: object, what: str) -> None:
    if not condition:
        sys.stderr.write(f"stand-in: {what}: {sys.argv}\n")
        sys.exit(64)


def read_export(path: str) -> Any:
    need(Path(path).is_absolute() and path.endswith(".ndjson"), "an export is an absolute path")
    export = json.loads(Path(path).read_text())
    need({*AXIOMS, "Nat.add", "String.ofList", "Quot.lift", "eagerReduce"} <= set(export["names"]), "primitives")
    return export


def deeds(export: Any) -> list[str]:
    source: str = export["source"]
    return source.partition("-- ")[2].split()


def lean() -> None:
    root, flag, output, path = ARGUMENTS
    need(root == f"--root={Path(path).parent}" and (flag, output) == ("-o", "Proof.olean"), "arguments")
    source = Path(path).read_text()
    if "uncompilable" in source:
        sys.exit(1)
    if "overwrite" in source:
        with contextlib.suppress(OSError):
            Path(root.removeprefix("--root=")).with_name("challenge.ndjson").write_text("{}")
    Path(output).write_text(source)


def leanexport() -> None:
    module, dashes, *names = ARGUMENTS
    need((module, dashes) == ("Proof", "--"), "arguments")
    source = Path(os.environ["LEAN_PATH"].split(":")[0], "Proof.olean").read_text()
    if "unexportable" in source:
        sys.exit(1)
    print(json.dumps({"source": source, "names": names}))
    if "flood" in source:
        os.kill(os.getpid(), 9)


def lake() -> None:
    folder, verb, *rest, last = ARGUMENTS
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    need(verb == "comparator" and last == "--inadvisably-no-sandbox", "arguments")
    need(set(options) == {"--config", "--challenge-from-export", "--solution-from-export"}, "options")
    project = folder.removeprefix("--dir=")
    need({"lakefile.toml", "lake-manifest.json"} <= {each.name for each in Path(project).iterdir()}, "a Lake project")
    config = json.loads(Path(options["--config"]).read_text())
    need(config["challenge_module"] == config["solution_module"] == "Proof", "modules")
    need(sorted(config["permitted_axioms"]) == AXIOMS, "axioms")
    challenge, solution = (read_export(options[f"--{name}-from-export"]) for name in ("challenge", "solution"))
    asked = [*config["theorem_names"], *config["definition_names"]]
    need(asked and set(asked) <= set(challenge["names"]) and challenge["names"] == solution["names"], "names")
    need(challenge["source"].count(":= sorry") == len(asked), "a challenge leaves open what is asked for")
    need("-- " not in challenge["source"], "nothing of the submission is in the challenge")
    words = [*deeds(solution), *(["other-statement"] if "2 + 2 = 4" in solution["source"] else [])]
    for deed in words:
        if deed == "other-statement":
            sys.stderr.write("error: Challenge and solution theorem statement do not match: 'two'\n")
            sys.exit(1)
        elif deed == "old-list":
            sys.stderr.write("error: Const not found in challenge 'Nat.powMod'\n")
            sys.exit(1)
        elif deed == "cannot-run":
            sys.stderr.write("error: `lake comparator` needs `git` on PATH\n")
            sys.exit(2)
        elif deed == "killed":
            sys.stderr.write("error: Lean default exited with 137\n")
            sys.exit(1)
        elif deed == "silent":
            sys.exit(0)
        elif deed == "hang":
            time.sleep(600)
    print("Lean default kernel accepts the solution\nYour solution is okay!")


def leanchecker() -> None:
    flag, path = ARGUMENTS
    need(flag == "--from-export", "arguments")
    if "bad-kernel" in deeds(read_export(path)):
        print("Lean default kernel rejects the solution: (kernel) declaration type mismatch")
        sys.exit(1)


def nanoda_bin() -> None:
    (path,) = ARGUMENTS
    if path == "--help":
        print("nanoda_bin 0.4.11\n\nA type checker for the Lean 4 programming language and theorem prover")
        return
    config = json.loads(Path(path).read_text())
    need(not config["use_stdin"] and sorted(config["permitted_axioms"]) == AXIOMS, "configuration")
    need(config["nat_extension"] and config["string_extension"] and config["print_success_message"], "configuration")
    for deed in deeds(read_export(config["export_file_path"])):
        if deed == "panic":
            sys.stderr.write("thread 'main' panicked at src/tc.rs:401: assertion failed: self.def_eq(a, b)\n")
            sys.exit(101)
        elif deed == "declined":
            sys.exit(2)
    print("Checked 52 declarations with no errors")


globals()[Path(sys.argv[0]).name]()
