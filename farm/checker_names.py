"""The checkers that the farm knows by name, and how `CHECKER_COMMAND` names them (see docs/attestation.md)."""

from __future__ import annotations

from farm.errors import ConfigurationError

COMPARATOR, LEANCHECKER, NANODA = "comparator", "leanchecker", "nanoda"
_KNOWN = (COMPARATOR, LEANCHECKER, NANODA)


def known_checkers(command: str) -> tuple[str, ...]:
    """Return the known checkers that a list such as `comparator,nanoda` names; return `()` if the text is a command.

    `comparator` comes first, even if the list leaves it out, because no other checker compares statements: the others
    replay an export.

    Raises:
        ConfigurationError: the list mixes known checkers with other names.
    """
    names = [name.strip() for name in command.split(",")]
    if not any(name in _KNOWN for name in names):
        return ()
    if strangers := [name for name in names if name not in _KNOWN]:
        raise ConfigurationError(
            f"CHECKER_COMMAND: {strangers[0]!r} is not one of {', '.join(_KNOWN)}; a command cannot be in a list"
        )
    return tuple(dict.fromkeys((COMPARATOR, *names)))
