"""`farm up`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from farm.cli.output import errors, progress_bar
from farm.errors import ConfigurationError
from farm.settings import load

if TYPE_CHECKING:
    from farm.local.farm import Addresses, LocalFarm, OnReady


def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free one.")] = None,
    lean_workers: Annotated[int | None, typer.Option(help="Lean processes; 0: one per core as memory allows.")] = None,
) -> None:
    """Start the whole farm here, and run it until Ctrl-C or SIGTERM.

    An embedded Valkey keeps everything under DATA_DIR; with REDIS_URL set, that server is used instead.
    """
    settings = load(port=port, lean_workers=lean_workers)
    try:
        from farm.local.farm import LocalFarm
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"`farm up` needs {error.name}: `pip install 'leanfarm[local]'`") from error
    with progress_bar() as bar:
        loading = bar.add_task("starting", total=1.0, visible=False)

        def show_progress(text: str, done: float) -> None:
            bar.update(loading, description=text, completed=done, visible=True)

        def show_ready(addresses: Addresses, notices: list[str]) -> None:
            bar.update(loading, visible=False)
            bar.stop()
            _show_ready(addresses, notices)

        asyncio.run(_run(LocalFarm(settings, _tell, show_progress), show_ready))


def _tell(line: str) -> None:
    errors.print(f"[dim]farm[/dim]  {line}", highlight=False)


def _show_ready(addresses: Addresses, notices: list[str]) -> None:
    for notice in notices:
        errors.print(f"[yellow]note[/yellow]  {notice}", highlight=False)
    errors.print(f"[green]ready[/green] API     {addresses.api}  (docs at /docs)", highlight=False)
    errors.print(f"      Flower  {addresses.flower}  (login {addresses.flower_login})", highlight=False)
    errors.print(f"      data    {addresses.data_dir}  · Ctrl-C stops everything", highlight=False)


async def _run(local: LocalFarm, on_ready: OnReady) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stopped.set)
    await local.run(on_ready, stopped)
