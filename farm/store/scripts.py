"""The Lua scripts of the store, and how to run them.

Before the text of each script come the constants that Lua and Python share, and the functions that all scripts share. A
full Redis refuses the scripts that add work. It runs the scripts that finish work (`allow-oom`), because otherwise a
full store could never become empty.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import cast

from farm.store.client import AsyncRedisClient, AsyncScript, RedisClient, Script, Value
from farm.store.constants import SHARED

_GROWING = frozenset({"stage", "commit", "retrieval"})


@cache
def source(name: str) -> str:
    """Return the full text of a script: the shared constants and functions, then the script itself."""
    folder = files("farm.store") / "lua"
    flags = "" if name in _GROWING else "#!lua flags=allow-oom\n"
    shared = "".join(f"local {each} = {_lua(value)}\n" for each, value in SHARED.items())
    return flags + shared + (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


def _lua(value: int | str | list[str]) -> str:
    return f"{{{', '.join(map(_lua, value))}}}" if isinstance(value, list) else repr(value)


class Scripts:
    """Runs scripts by name on a blocking client; the text of a script is sent only if the server does not have it."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._known: dict[str, Script] = {}

    def run(self, name: str, *args: Value) -> object:
        """Run a script and return its reply, which the head of the script describes."""
        script = self._known.get(name) or self._known.setdefault(name, self._client.register_script(source(name)))
        return script(keys=[], args=list(args))

    def count(self, name: str, *args: Value) -> int:
        """Run a script that replies with a number."""
        return cast("int", self.run(name, *args))


class AsyncScripts:
    """Runs scripts by name on the API's client."""

    def __init__(self, client: AsyncRedisClient) -> None:
        self._client = client
        self._known: dict[str, AsyncScript] = {}

    async def run(self, name: str, *args: Value) -> object:
        """Run a script and return its reply, which the head of the script describes."""
        script = self._known.get(name) or self._known.setdefault(name, self._client.register_script(source(name)))
        return await script(keys=[], args=list(args))
