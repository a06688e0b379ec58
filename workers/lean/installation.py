"""Finds Lean, and prepares what a process needs to start a REPL; the parent does this once, for all its processes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import structlog

from farm.checker_names import known_checkers
from farm.errors import ConfigurationError, LeanNotFound, SandboxMissing
from farm.models import Environment
from farm.settings import Settings
from workers.lean.checkers.kernels import ALSO, NEEDED, Tools
from workers.lean.gate.trial import prove_gate
from workers.lean.repl_config import Config, configure
from workers.lean.scratch import claim_folder
from workers.sandbox import plan
from workers.sandbox.kernel import Missing

_PROBE_TIMEOUT_S = 120
# The REPL runs code from proofs, so its environment must hold no credentials.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|REDIS_URL|BROKER_URL|^AWS_|^SSH_|^GPG_", re.IGNORECASE)
# A REPL gets these variables of the worker's environment, and the variables that `lake env` sets.
_KNOWN = re.compile(r"(PATH|LANG|LC_\w+|TZ|LEAN_NUM_THREADS|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH)")
_LAKE_SILENT = "`lake env` does not run the command that it is given"
_WITHOUT = "`farm doctor --sandbox` shows more; SANDBOX=off runs proofs unsandboxed, with all the rights of the worker"

_log = structlog.get_logger()


@dataclass(frozen=True)
class Installation:
    """A Lean that is ready to run, or a sentence that says why there is none.

    Attributes:
        config: LeanInteract's configuration; None without Lean.
        environment: the Lean and its project, as verdicts describe them.
        notice: what an operator has to do; empty if Lean is ready.
        folder: where the launcher and the scratch folders are; None without Lean.
        checker: the command that runs the external checker in a sandbox of its own. If the configured checkers are
            comparator, leanchecker or nanoda, which the farm knows how to run, this is a `Tools` with their programs
            instead. Empty if no checker is configured.
    """

    config: Config | None
    environment: Environment
    notice: str = ""
    folder: Path | None = None
    checker: tuple[str, ...] | Tools = ()


def find_lake(settings: Settings) -> str:
    """Return the path of `lake`.

    Raises:
        LeanNotFound: there is no `lake`.
    """
    elan = Path.home() / ".elan" / "bin" / "lake"
    found = shutil.which(settings.lake_path) or (str(elan) if settings.lake_path == "lake" and elan.exists() else None)
    if not found:
        raise LeanNotFound(
            f"Lean was not found: there is no `{settings.lake_path}`. Run `farm doctor --install-lean`, "
            "or set LAKE_PATH and LEAN_REPL_DIR"
        )
    return str(Path(found).absolute())


def prepare(settings: Settings) -> Installation:
    """Return the installation from which this host's processes start their REPLs.

    If `LEAN_REPL_DIR` is not set, this may fetch and build a REPL, which takes minutes. The installation has no
    configuration if there is no Lean, if the sandbox cannot be set up, or if the gate gives a wrong answer in its
    trial. The farm then starts nevertheless, and every verdict says why nothing is judged.
    """
    try:
        return _prepare(settings)
    except ConfigurationError as error:
        _log.warning("lean.missing", notice=error.message)
        return Installation(None, Environment(), error.message)


def _prepare(settings: Settings) -> Installation:
    if wrong := prove_gate():
        raise ConfigurationError(wrong)
    lake = find_lake(settings)
    try:
        config = configure(settings, lake)
    except LeanNotFound:
        raise
    except Exception as error:  # LeanInteract raises whatever git, lake and the network raise
        raise LeanNotFound(f"Lean's REPL could not be prepared ({error}): run `farm doctor`") from error
    folder = claim_folder(settings.data_dir.absolute() / "launcher")
    launcher = _write_launcher(settings, config, lake, folder)
    config.lake_path = launcher
    project = settings.lean_project_dir
    environment = Environment(
        lean_version=config.lean_version,
        project=project.absolute().name if project else None,
        repl=str(settings.lean_repl_dir or f"{config.repl_git}@{config.repl_rev}"),
        sandbox=_layers(launcher, Path(config.working_dir)),
    )
    _log.info(
        "lean.prepared",
        lean_version=environment.lean_version,
        repl=environment.repl,
        lake=lake,
        sandbox=environment.sandbox,
    )
    return Installation(config, environment, folder=folder, checker=_checker(settings, config, lake, folder))


def _checker(settings: Settings, config: Config, lake: str, folder: Path) -> tuple[str, ...] | Tools:
    """Return the command that runs the checker in a sandbox; for checkers that the farm knows, return their programs.

    The command begins with a launcher. Its sandbox is like the REPL's, but also lets the checker's program start.
    """
    if names := known_checkers(settings.checker_command):
        return _tools(settings, config, lake, folder, names)
    name, *arguments = shlex.split(settings.checker_command) or [""]
    if not name:
        return ()
    program = shutil.which(name)
    if program is None:
        raise ConfigurationError(f"CHECKER_COMMAND: there is no program `{name}`")
    program = str(Path(program).absolute())
    apart = folder / "checker"
    apart.mkdir(mode=0o711)
    return (str(_write_launcher(settings, config, lake, apart, Path(program))), "apart", program, *arguments)


def _tools(settings: Settings, config: Config, lake: str, folder: Path, names: tuple[str, ...]) -> Tools:
    """Return the programs of the checkers. A missing program is reported later: proofs can be `checked` without it."""
    known = _record_environment(lake, Path(config.working_dir), _inherited()) or {}
    needed = dict.fromkeys([*(program for name in names for program in NEEDED[name]), *ALSO])
    toolchain, path = f"{known.get('LEAN_SYSROOT', '')}/bin", known.get("PATH", os.defpath)
    # The toolchain's own programs are preferred to those in PATH: a program in PATH may belong to another version of
    # Lean, and be unable to read the files of this version. nanoda in PATH is preferred to the toolchain's, because
    # nanoda comes from another project, and the one in PATH may be newer.
    places = {name: (path, toolchain) if name == "nanoda_bin" else (toolchain, path) for name in needed}
    found = {name: shutil.which(name, path=os.pathsep.join(places[name])) for name in needed}
    programs = {name: program for name, program in found.items() if program}
    apart, shell = folder / "checker", os.path.realpath("/bin/sh")
    handed = apart / "handed"
    for each in (apart, handed):
        each.mkdir(mode=0o711)
    more = {
        "sandbox_programs": os.pathsep.join([settings.sandbox_programs, *programs.values()]).lstrip(os.pathsep),
        "sandbox_read_paths": os.pathsep.join([settings.sandbox_read_paths, str(handed)]).lstrip(os.pathsep),
    }
    launcher = _write_launcher(settings.model_copy(update=more), config, lake, apart, Path(shell))
    return Tools(names, (str(launcher), "apart"), shell, handed, programs, config.lean_version)


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not _SECRET.search(name)}


def _write_launcher(settings: Settings, config: Config, lake: str, folder: Path, program: Path | None = None) -> Path:
    """Write a launcher and its plan, and return the launcher's path.

    LeanInteract runs this executable as `lake`. It starts the REPL, or `program` if one is given, as the plan says.
    """
    inherited = _inherited()
    recorded = _record_environment(lake, Path(config.working_dir), inherited)
    is_open = settings.sandbox == "off"
    environment = recorded if recorded is None or is_open else _kept(recorded, inherited)
    cage = None if is_open else _cage(settings, config, environment, folder, program)
    written = plan.Plan(
        lake=lake,
        inherited=inherited,
        environment=environment,
        address_space_mb=settings.address_space_mb,
        cage=cage,
        launcher=plan.launcher(),
        visible=plan.visible(),
    )
    return plan.write(written, folder)


def _cage(
    settings: Settings, config: Config, environment: dict[str, str] | None, folder: Path, program: Path | None
) -> plan.Cage:
    if environment is None:
        raise SandboxMissing(
            f"{_LAKE_SILENT}: the sandbox cannot know what Lean needs. Correct LAKE_PATH, or set SANDBOX=off"
        )
    repl, project = Path(config._cache_repl_dir), settings.lean_project_dir
    needs = plan.Needs(
        program=program or repl / ".lake/build/bin/repl",
        environment=environment,
        folders=[repl, *([project.absolute() / ".lake"] if project else []), *settings.read_paths],
        programs=settings.programs,
        # This is in the folder that `ScratchKeeper` keeps clean.
        scratch=(folder.parent if program else folder) / "scratch",
        address_space_mb=settings.address_space_mb,
        bubblewrap=settings.sandbox == "bubblewrap",
    )
    try:
        return plan.cage(needs)
    except (Missing, OSError) as error:
        raise SandboxMissing(f"The sandbox cannot be prepared: {error}") from error


def _layers(launcher: Path, directory: Path) -> list[str]:
    """Set the sandbox up once, as for a REPL, and return the names of its layers.

    Raises:
        SandboxMissing: the sandbox cannot be set up; the message says what is missing and what to do.
    """
    command = [str(launcher), "layers"]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)
    if run.returncode:
        why = run.stderr.strip().removeprefix("leanfarm launcher: ") or f"its launcher ended with {run.returncode}"
        raise SandboxMissing(f"No proof is run, because the sandbox cannot be set up: {why}. {_WITHOUT}")
    return run.stdout.split()


def _kept(recorded: dict[str, str], inherited: dict[str, str]) -> dict[str, str]:
    """Return the variables that `lake env` set itself, and the worker's variables that Lean may need."""
    return {name: value for name, value in recorded.items() if _KNOWN.fullmatch(name) or inherited.get(name) != value}


def _record_environment(lake: str, directory: Path, inherited: dict[str, str]) -> dict[str, str] | None:
    """Return the environment in which `lake env` runs programs; None if this cannot be found out."""
    try:
        probe = subprocess.run(
            [lake, "env", "/usr/bin/env", "-0"],
            cwd=directory,
            env=inherited,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
        pairs = [entry.partition("=") for entry in probe.stdout.decode().split("\0") if entry]
    except (subprocess.SubprocessError, OSError, UnicodeDecodeError) as error:
        _log.warning("lean.environment_unknown", error=str(error), consequence="REPLs start through lake itself")
        return None
    known = {name: value for name, separator, value in pairs if separator}
    return known if "PATH" in known else None
