"""Reads the environment variables, and from `./.env` the variables that the environment lacks.

The command line reads the same variables with pydantic-settings and python-dotenv. The SDK does without these
libraries. A test checks that both ways of reading agree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from farm.errors import ConfigurationError

_FILE = Path(".env")
# A line of `.env` in python-dotenv's grammar: `export` and quotes are optional; a quoted value may span several lines.
_BINDING = re.compile(
    r"""^[ \t]* (?:export[ \t]+)? (?P<name>'[^'\n]+'|[^=\#'\s][^=\#\s]*) [ \t]*=
    (?: [ \t]*'(?P<single>(?:\\.|[^'\\])*)'(?=[ \t]*(?:\#.*?)?$)
      | [ \t]*"(?P<double>(?:\\.|[^"\\])*)"(?=[ \t]*(?:\#.*?)?$)
      | (?P<plain>(?![ \t]*['"])[^\n]*) )""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_COMMENT = re.compile(r"\s+#.*")
_SINGLE_ESCAPE = re.compile(r"\\([\\'])")
_DOUBLE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
_ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_VARIABLE = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")


def variables() -> dict[str, str]:
    """Return all variables that are not empty, by their names in upper case.

    Raises:
        ConfigurationError: `./.env` exists, but cannot be read.
    """
    found = {**_of_file(), **{name: value for name, value in os.environ.items() if value}}
    return {name.upper(): value for name, value in found.items() if value}


def _of_file() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in _bindings(_text()):
        known = {**os.environ, **found}
        found[name] = _VARIABLE.sub(lambda match: known.get(match["name"], match["default"] or ""), text)  # noqa: B023
    return found


def _text() -> str:
    try:
        # Some Windows editors begin a file with a byte order mark.
        return _FILE.read_text(encoding="utf-8-sig") if _FILE.is_file() else ""
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{_FILE.absolute()} cannot be read: it is not UTF-8") from error
    except OSError as error:
        raise ConfigurationError(f"{_FILE.absolute()} cannot be read: {error.strerror}") from error


def _bindings(text: str) -> Iterator[tuple[str, str]]:
    for match in _BINDING.finditer(text):
        name, single, double, plain = match.groups()
        if single is not None:
            value = _SINGLE_ESCAPE.sub(r"\1", single)
        elif double is not None:
            value = _DOUBLE_ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), double)
        else:
            value = _COMMENT.sub("", plain).strip()
        yield name.strip("'"), value
