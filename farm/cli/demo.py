"""`farm demo`."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farm.cli.output import console, progress_bar, show_json, show_table, tell
from farm.cli.verdicts import COLUMNS, table_row
from farm.client import Farm
from farm.errors import ConfigurationError
from farm.models import DetailedPremise, Verdict
from farm.settings import Settings, load, load_with

if TYPE_CHECKING:
    from farm.local.farm import Addresses

PROOFS = {
    "right": "theorem two_and_two : 2 + 2 = 4 := by rfl",
    "wrong": "theorem two_and_two_is_five : 2 + 2 = 5 := by decide",
    "open": "theorem left_open (n : Nat) : n + 0 = n := by sorry",
}
GOAL = "a b : Nat\n⊢ a + b = b + a"
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class _Shown:
    engine: str | None
    verdicts: list[Verdict]
    premises: list[DetailedPremise]


def demo(as_json: Annotated[bool, typer.Option("--json", help="The answers, as JSON.")] = False) -> None:
    """Start a temporary farm here, verify three proofs, find premises for a goal, and stop the farm again.

    The demo uses your Lean if there is one. Without Lean no proof can be judged: the demo says so, and its verdicts are
    undecided. Nothing is kept, and a farm that is already running here is left alone.
    """
    try:
        from farm.cli.up import run_until
        from farm.local.farm import LocalFarm
        from farm.logs import configure_logs
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"`farm demo` needs {error.name}: `pip install 'leanfarm[local]'`") from error
    configure_logs("demo")
    with tempfile.TemporaryDirectory(prefix="leanfarm-demo-") as folder, progress_bar(as_json) as bar:
        loading = bar.add_task("starting a farm; the first start may fetch and build a REPL", total=1.0)

        def show_progress(text: str, done: float) -> None:
            bar.update(loading, description=text, completed=done)

        async def run() -> _Shown:
            stopped, asked = asyncio.Event(), list[asyncio.Task[_Shown]]()

            def on_ready(addresses: Addresses, _notices: list[str]) -> None:
                asked.append(asyncio.create_task(_ask(addresses.api, stopped)))

            local = LocalFarm(_settings(Path(folder)), lambda _line: None, show_progress)
            await run_until(local, on_ready, stopped)
            if not asked:
                raise typer.Exit(130)
            return await asked[0]

        shown = asyncio.run(run())
    if as_json:
        show_json(_dump(shown))
    else:
        _show(shown)


def _settings(folder: Path) -> Settings:
    """Return settings for a farm that keeps its data in a folder and shares nothing with another farm."""
    load()
    shared = {"redis_url": "", "broker_url": "", "api_keys_file": None, "environments_dir": None}
    return load_with({**shared, "data_dir": folder, "port": 0, "lean_workers": 1})


async def _ask(url: str, stopped: asyncio.Event) -> _Shown:
    try:
        return await asyncio.to_thread(_ask_farm, url)
    finally:
        stopped.set()


def _ask_farm(url: str) -> _Shown:
    with Farm(url, api_key="") as farm:
        proofs = [{"id": name, "code": code} for name, code in PROOFS.items()]
        verdicts = farm.verify(proofs, timeout_s=_TIMEOUT_S)
        [premises] = farm.retrieve_many([GOAL], k=3)
    return _Shown(verdicts[0].environment.lean_version, verdicts, premises)


def _dump(shown: _Shown) -> dict[str, Any]:
    return {
        "lean": shown.engine,
        "verdicts": [each.dump() for each in shown.verdicts],
        "premises": [each.model_dump() for each in shown.premises],
    }


def _show(shown: _Shown) -> None:
    for name, code in PROOFS.items():
        console.print(f"{name}: {code}", markup=False, highlight=False)
    show_table(COLUMNS, [table_row(each) for each in shown.verdicts], has_text=True)
    console.print(f"\nfarm retrieve {GOAL!r}", markup=False, highlight=False)
    show_table(
        ("score", "premise", "statement"),
        [(f"{each.score:.3f}", each.name, each.statement) for each in shown.premises],
        has_text=True,
    )
    if shown.engine:
        tell(f"judged by {shown.engine}; the farm has been stopped: `farm up` starts one that keeps running")
    else:
        tell("there is no Lean here, so no proof was judged: `farm doctor --install-lean` installs it, then try again")
