"""`farm bundle`, and the option `--bundle` of the commands that start workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from farm.cli.output import JsonOption, show_json, tell
from farm.local.bundle import bundle_settings, check_bundle, make_bundle
from farm.settings import load

BundleOption = Annotated[
    Path | None, typer.Option("--bundle", help="A folder that `farm bundle` filled: its Lean, project and corpus.")
]


def bundle(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    check: Annotated[bool, typer.Option("--check", help="Compare an existing bundle with its hashes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Gather what a farm needs on hosts without a network: wheels, toolchain, REPL, project and corpus.

    The settings name the REPL, the project and the corpus. What this host does not have is named and left out.

    Example: `farm bundle /shared/bundle`; then `pip install --no-index --find-links /shared/bundle/wheels
    'leanfarm[local]'` and `farm up --bundle /shared/bundle` on a host without a network.
    """
    manifest = check_bundle(folder) if check else make_bundle(load(), folder, lambda line: tell(line, "farm ", "dim"))
    if as_json:
        show_json({name: value for name, value in manifest.items() if name != "files"})
        return
    size_mb = sum(file["bytes"] for file in manifest["files"].values()) / 1e6
    what = f"{len(manifest['files'])} files, {size_mb:.0f} MB, for Python {manifest['python']} on {manifest['machine']}"
    tell(f"{folder}: {', '.join(manifest['parts'])}: {what}", "whole" if check else "ready", "green")


def use_bundle(folder: Path | None) -> None:
    """If the user names a bundle, use the bundle's settings in this process and in its child processes.

    Raises:
        ConfigurationError: the folder is not a bundle for this host, or is damaged.
    """
    if folder:
        os.environ.update(bundle_settings(folder))
