"""Bundles: a bundle is a folder with all that a farm needs on hosts without a network.

The bundle's manifest names every file in the folder. The manifest is written last, so a folder without a manifest is
not a finished bundle.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from farm.errors import ConfigurationError
from farm.settings import Settings

_MANIFEST = "manifest.json"
# For each part of a bundle: the setting that names the part, and the path that the setting has to name. The path is
# relative to the part's folder; an empty path stands for the folder itself.
_SETTINGS = {
    "toolchain": ("LAKE_PATH", "bin/lake"),
    "repl": ("LEAN_REPL_DIR", ""),
    "project": ("LEAN_PROJECT_DIR", ""),
    "corpus": ("DATA_REPO", ""),
}
EXTRAS = "local,datasets,mcp"
"""The extras of leanfarm whose wheels a bundle holds."""
# redis and valkey need it on Python 3.11.0 to 3.11.2, such as Debian 12's. On a later 3.11, pip would not fetch it by
# itself.
_NEEDED_BY_EARLIER_PATCHES = "async-timeout>=4.0.3"
_PROBE_TIMEOUT_S = 120

Tell = Callable[[str], None]


def make_bundle(settings: Settings, folder: Path, tell: Tell) -> dict[str, Any]:
    """Make a bundle in a new folder; leave out the parts that this host does not have, and name them.

    Args:
        settings: the settings that name the REPL, the project and the corpus.
        folder: the bundle's folder.
        tell: called with a line for each part.

    Returns:
        The manifest: `version`, `python`, `machine`, `parts`, `missing` (for each missing part, why) and `files` (for
        each file, `sha256` and `bytes`).

    Raises:
        ConfigurationError: a setting names something that is not a folder; the bundle's folder lies inside a part,
            cannot be made or is not empty; or pip cannot get the wheels.
    """
    sources = list(_sources(settings))
    for name, source in sources:
        if isinstance(source, Path) and folder.resolve().is_relative_to(source.resolve()):
            # The copy of the part would contain the bundle, and so itself, without end.
            raise ConfigurationError(
                f"{folder} lies in the {name} that is to be copied into it ({source}): name another folder"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made a folder: {error.strerror}") from error
    if any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: name a new folder")
    _collect_wheels(folder / "wheels", tell)
    present, missing = ["wheels"], {}
    for name, source in sources:
        if isinstance(source, Path):
            tell(f"{name}: {source}")
            _copy(source, folder / name)
            present.append(name)
        else:
            tell(f"{name}: not in the bundle: {source}")
            missing[name] = source
    return _write_manifest(folder, present, missing)


def bundle_settings(folder: Path) -> dict[str, str]:
    """Check the sizes of a bundle's files, and return the variables that a farm needs to use the bundle.

    Raises:
        ConfigurationError: the folder is not a bundle, the bundle is for another kind of machine, or a file is missing
            or has another size.
    """
    manifest = _read_manifest(folder)
    if (machine := platform.machine()) != manifest["machine"]:
        raise ConfigurationError(f"{folder} is a bundle for {manifest['machine']}, and this host is {machine}")
    _refuse(folder, [path for path, file in manifest["files"].items() if _size(folder / path) != file["bytes"]])
    named = {name: _SETTINGS[name] for name in manifest["parts"] if name in _SETTINGS}
    return {variable: str(folder.resolve() / name / inside) for name, (variable, inside) in named.items()}


def check_bundle(folder: Path) -> dict[str, Any]:
    """Check the hash of every file in a bundle, and return the bundle's manifest.

    Raises:
        ConfigurationError: the folder is not a bundle, or files are missing or damaged.
    """
    manifest = _read_manifest(folder)
    _refuse(folder, [path for path, file in manifest["files"].items() if _hash(folder / path) != file["sha256"]])
    return manifest


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target, symlinks=True)
    except shutil.Error as error:
        place, _, why = error.args[0][0]
        raise ConfigurationError(f"{place} cannot be copied ({why})") from error


def _sources(settings: Settings) -> Iterator[tuple[str, Path | str]]:
    """Yield the name of each part with the part's folder on this host, or with the reason why there is none."""
    repl, project = (
        _named(settings.lean_repl_dir, "LEAN_REPL_DIR"),
        _named(settings.lean_project_dir, "LEAN_PROJECT_DIR"),
    )
    yield "toolchain", _toolchain(settings)
    yield "repl", repl
    yield "project", project
    yield "corpus", _corpus(settings.data_repo)


def _named(folder: Path | None, setting: str) -> Path | str:
    """Return the folder that a setting names; if the setting is not set, return a text that says so.

    Raises:
        ConfigurationError: the setting names something that is not a folder.
    """
    if folder is None:
        return f"{setting} is not set"
    if not folder.is_dir():
        raise ConfigurationError(
            f"{setting} ({folder}) is not a folder: correct it, or unset it to leave that part out"
        )
    return folder


def _corpus(name: str) -> Path | str:
    if not name:
        return "DATA_REPO is not set; the shipped corpus is in the wheels"
    return Path(name) if Path(name).is_dir() else f"DATA_REPO ({name}) is on the hub: download it, and name its folder"


def _toolchain(settings: Settings) -> Path | str:
    """Return the folder of the Lean that the workers run, as `lake env` names it, or why there is none."""
    command = [settings.lake_path, "env", "printenv", "LEAN_SYSROOT"]
    try:
        run = subprocess.run(
            command,
            cwd=settings.lean_project_dir or settings.lean_repl_dir,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"`{settings.lake_path} env` does not run ({error})"
    sysroot = Path(run.stdout.strip() or "/nowhere")
    return sysroot if (sysroot / "bin" / "lake").exists() else "`lake env` names no toolchain with a `bin/lake`"


def _collect_wheels(folder: Path, tell: Tell) -> None:
    """Build or fetch the wheels of this installation with pip, for this Python and this machine.

    Raises:
        ConfigurationError: pip failed.
    """
    needed = _requirement()
    tell(f"wheels: {needed}")
    command = [sys.executable, "-P", "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    run = subprocess.run([*command, _NEEDED_BY_EARLIER_PATCHES, needed], stdout=sys.stderr, check=False)
    if run.returncode:
        raise ConfigurationError(f"pip could not fetch the wheels of {needed}, for the reason above")


def _requirement() -> str:
    """Return a pip requirement for this release: the place from which it was installed, or else its version."""
    origin = json.loads(distribution("leanfarm").read_text("direct_url.json") or "{}").get("url", "")
    return f"leanfarm[{EXTRAS}] @ {origin}" if origin else f"leanfarm[{EXTRAS}]=={version('leanfarm')}"


def _write_manifest(folder: Path, present: list[str], missing: dict[str, str]) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    manifest = {
        "version": version("leanfarm"),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "machine": platform.machine(),
        "parts": present,
        "missing": missing,
        "files": {str(path.relative_to(folder)): {"sha256": _hash(path), "bytes": _size(path)} for path in files},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        manifest["machine"], manifest["parts"], manifest["files"].items()
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigurationError(f"{folder} is not a finished bundle: its {_MANIFEST} cannot be read") from error
    return manifest


def _refuse(folder: Path, damaged: list[str]) -> None:
    if damaged:
        others = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        raise ConfigurationError(
            f"{folder} is damaged: {damaged[0]}{others} differs from the manifest; make or copy it again"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _hash(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
