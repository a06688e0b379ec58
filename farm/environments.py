"""The further Lean environments of a host. Each has one dotenv file, `NAME.env`, in the folder ENVIRONMENTS_DIR.

A file holds only settings of Lean workers. They take precedence over environment variables and `./.env`. If a file
lacks a setting, the setting has the host's value. The settings that say which Lean is used are an exception
(`LEAN_VERSION`, `LEAN_PROJECT_DIR`, `LEAN_REPL_DIR`, `WARM_HEADERS`): they are never taken from the host. For example,
if a file lacks `LEAN_PROJECT_DIR`, its environment has no project.
"""

from __future__ import annotations

from pathlib import Path

from dotenv.parser import parse_stream

from farm.errors import ConfigurationError
from farm.settings import Settings, load_with

_IDENTITY = ("LEAN_VERSION", "LEAN_PROJECT_DIR", "LEAN_REPL_DIR", "WARM_HEADERS")
_ALLOWED = (
    *("LAKE_PATH", *_IDENTITY, "LEAN_WORKERS", "LEAN_HEADER_TIMEOUT_S", "LEAN_MAX_TASKS_PER_CHILD"),
    *("LEAN_MEMORY_LIMIT_MB", "LEAN_MEMORY_HARD_LIMIT_MB", "LEAN_MAX_TOTAL_MEMORY", "LEAN_MAX_PROCESS_MEMORY"),
    *("LEAN_MAX_RESTART_ATTEMPTS", "LEAN_INCREMENTAL", "LEAN_PARALLEL", "LEAN_SLICES"),
    *("SANDBOX", "SANDBOX_READ_PATHS", "SANDBOX_PROGRAMS", "CHECKER_COMMAND", "CHECKER_SHARE", "CHECKER_TIMEOUT_S"),
)
_SUFFIX = ".env"


def environment_files(settings: Settings) -> list[Path]:
    """Return the files of the further environments, sorted by name.

    Raises:
        ConfigurationError: the folder that ENVIRONMENTS_DIR names does not exist.
    """
    folder = settings.environments_dir
    if folder is None:
        return []
    if not folder.is_dir():
        raise ConfigurationError(f"ENVIRONMENTS_DIR: there is no folder {folder.absolute()}")
    return sorted(path.absolute() for path in folder.glob(f"?*{_SUFFIX}"))


def load_environment(file: Path) -> Settings:
    """Return the settings of the environment that a file describes; the environment has the name of the file.

    Raises:
        ConfigurationError: the file cannot be read, or has a setting that is wrong or not allowed there.
    """
    values = _read(file)
    if strangers := sorted(values.keys() - set(_ALLOWED)):
        raise ConfigurationError(f"{file}: {', '.join(strangers)} cannot be set here, only {', '.join(_ALLOWED)}")
    defaults = {name.lower(): Settings.model_fields[name.lower()].default for name in _IDENTITY}
    given = {name.lower(): value for name, value in values.items()}
    try:
        return load_with({**defaults, **given, "lean_environment": file.name.removesuffix(_SUFFIX)})
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error.message}") from error


def _read(file: Path) -> dict[str, str]:
    """Return the settings in a file, without empty ones and without `LEAN_WORKERS=0`.

    `LEAN_WORKERS=0` means the same as no value: `farm up` chooses the number of workers.
    """
    values = {}
    try:
        with file.open(encoding="utf-8") as lines:
            for binding in parse_stream(lines):
                if binding.error:
                    raise ConfigurationError(f"{file}, line {binding.original.line}: NAME=VALUE is expected")
                if binding.key:
                    values[binding.key] = binding.value or ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    return {name: value for name, value in values.items() if value and (name, value) != ("LEAN_WORKERS", "0")}
