"""`make demo`: a whole farm on free loopback ports, a batch, a premise query, and everything stopped again."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from farm import Farm, Verdict
from tests.support.repl.install import install
from tests.support.running import RunningFarm, processes_of, running_farm, sandbox_settings, scripted_settings, stop

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
GOAL = "a b : Nat\n⊢ a + b = b + a"
TIMEOUT_S = 3.0
_KEPT = ("LAKE_PATH", "LEAN_REPL_DIR", "LEAN_VERSION", "SANDBOX", "SANDBOX_READ_PATHS")
_COLOURS = {"accepted": "green", "rejected": "red", "undecided": "yellow"}

console = Console(highlight=False)


def main() -> None:
    """Run the demo; exit 0 only if every step had the expected result and no process is left."""
    with tempfile.TemporaryDirectory(prefix="leanfarm-demo-") as folder:
        ok = _run(Path(folder))
        left = list(processes_of(Path(folder)))
    console.print(f"\nstopped: {len(left)} processes left behind")
    sys.exit(0 if ok and not left else 1)


def _run(folder: Path) -> bool:
    settings, engine = _choose_lean(folder)
    console.print(f"[bold]1. farm up[/bold]  (what answers as Lean: {engine})")
    started = time.monotonic()
    with running_farm(folder / "farm", **settings) as farm, farm.client() as client:
        console.print(f"   API {farm.url}, ready after {time.monotonic() - started:.1f} s; {_rooms(client)}")
        verdicts = _verify(client)
        premises = _retrieve(client)
        console.print("\n[bold]4. stop[/bold]")
        stop(farm.up)
        return _as_expected(verdicts) and premises and _left_nothing(farm)


def _choose_lean(folder: Path) -> tuple[dict[str, str], str]:
    """Return the settings for a real Lean if there is one, else for the scripted stand-in."""
    named = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if named or shutil.which("lake"):
        return {**sandbox_settings(), **named}, "your own Lean"
    settings = scripted_settings(install(folder / "repl"))
    return settings, "[yellow]a SCRIPT, not Lean[/yellow]: no `lake` was found, so verdicts below prove nothing"


def _rooms(client: Farm) -> str:
    checks = client.ready()["checks"]
    engines = ", ".join(f"{name}: {check['engine']}" for name, check in checks.items() if check.get("engine"))
    return f"{engines}\n   around each proof: {checks['lean']['sandbox']}"


def _verify(client: Farm) -> list[Verdict]:
    files = sorted(EXAMPLES.glob("*.lean"))
    console.print(f"\n[bold]2. farm verify docs/examples[/bold]  ({len(files)} proofs, {TIMEOUT_S:g} s each at most)")
    batch = client.submit([{"id": file.name, "code": file.read_text()} for file in files], timeout_s=TIMEOUT_S)
    verdicts = []
    for verdict in batch.results():
        verdicts.append(verdict)
        console.print(f"   {len(verdicts)}/{len(files)} done: {verdict.id}")
    table = Table("proof", "outcome", "reason", "reward", "time s", "message")
    for verdict in verdicts:
        colour, message = _COLOURS[verdict.outcome], verdict.messages[0].data.split("\n")[0] if verdict.messages else ""
        reward = "-" if verdict.reward is None else f"{verdict.reward:g}"
        outcome = f"[{colour}]{verdict.outcome}[/{colour}]"
        table.add_row(verdict.id, outcome, verdict.reason or "", reward, f"{verdict.time_s:.2f}", message[:48])
    console.print(table)
    console.print(f"   answered by {verdicts[0].environment.lean_version}")
    return verdicts


def _retrieve(client: Farm) -> bool:
    console.print(f"\n[bold]3. farm retrieve[/bold]  {GOAL!r}")
    premises = client.retrieve(GOAL, k=5)
    table = Table("score", "premise")
    for premise in premises:
        table.add_row(f"{premise.score:.3f}", premise.name)
    console.print(table)
    return "Nat.add_comm" in {premise.name for premise in premises}


def _as_expected(verdicts: list[Verdict]) -> bool:
    found = {verdict.id: str(verdict.reason or verdict.outcome) for verdict in verdicts}
    return found == {
        "accepted.lean": "accepted",
        "accepted_too.lean": "accepted",
        "wrong.lean": "error",
        "unfinished.lean": "sorry",
        "endless.lean": "timeout",
    }


def _left_nothing(farm: RunningFarm) -> bool:
    return farm.up.returncode == 0 and not list(processes_of(farm.folder))


if __name__ == "__main__":
    main()
