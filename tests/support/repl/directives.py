"""Misbehaviour on request: words in a text, comments included, that make the scripted REPL act like a bad process.

This is a script, not Lean. N is a decimal number. These come first, in this order whatever their order in the text:

    grow:N      allocate N MB, touch every page, keep them        spew:N       N bytes to stderr
    sleep:N     sleep N ms (instead of SCRIPTED_SLEEP_MS)         burn:N       use N ms of CPU
    run:CODE    run Python code: a proof is a program
    orphan!     a child in this session sleeps 600 s, no pipes    fork!        so does a grandchild in its own session,
    crash!      exit 1 at once                                                 holding stdout
    segv!       die by SIGSEGV                                    hang!        never answer
    flood!      endless stdout without a newline                  floodlines!  endless lines, none of them blank

These add to the reply; a message has the position of its word:

    big:N       an info message of N characters                   error!       error message "unsolved goals"
    env?        info: os.environ as JSON                          count?       info: {"commands", "pid"} of this process
    unknown:X   error "unknown identifier 'X'" wherever the code outside comments and strings has X
    memory!     error message "(kernel) excessive memory consumption detected"
    leanerror!  only {"message": "scripted LeanError"}            deep:N       an extra field nested N deep
    run:CODE    info: {"ran": text} or {"raised": text} of Python code (`run_word` writes the word), once it was run
    orphan!, fork!  info: {"orphan": pid} or {"fork": pid}, or {"…": null, "refused": reason} if forking is forbidden

These change the bytes of the reply:

    badutf8!    an extra field with invalid UTF-8                 garbage!     not JSON
    blank!      a blank line first                                forge!       a whole reply {"env": 0} first
    forgelate:N a whole reply {"env": 0} N ms after the true one  noread!      stop reading after this reply
    forgein!    that reply in the middle of the true one          forgeafter!  that reply right behind the true one
    forgeonly!  that reply instead of the true one

This one stays in the environment: hijack! makes every later `#` command there answer "hijacked".
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .source import Json, Source

FORGED = b'{"env": 0}\n\n'
_WORDS = re.compile(
    r"(?<!\w)(?:(?P<counted>sleep|burn|big|spew|grow|forgelate|deep):(?P<number>\d+)|unknown:(?P<name>[\w.']+)"
    r"|(?P<flag>crash|segv|hang|flood|floodlines|error|forge|forgein|forgeafter|forgeonly|garbage|badutf8|blank|fork"
    r"|orphan|leanerror|memory|noread|hijack)!"
    r"|(?P<asked>env|count)\?|run:(?P<program>[\w=-]+))"
)
_DESCENDANT_LIFE_S = 600
_CHUNK = 1 << 16


class Directives:
    """The directives of one text; truthy if there are any.

    Attributes:
        flags: The words that end in `!` or `?`, without their mark.
        numbers: The N of each counted word; the last one wins.
    """

    def __init__(self, text: str) -> None:
        self._found = list(_WORDS.finditer(text))
        self.flags = {one["flag"] or one["asked"] for one in self._found}
        self.numbers = {one["counted"]: int(one["number"]) for one in self._found if one["counted"]}
        self._descendants: dict[str, Json] = {}
        self._answers: dict[str, Json] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def act(self, hoard: list[bytearray]) -> None:
        """Do what comes before the reply; may not return. `hoard` keeps what `grow:N` allocates."""
        if "grow" in self.numbers:
            hoard.append(_touched(self.numbers["grow"] << 20))
        if "spew" in self.numbers:
            write_all(2, b"x" * self.numbers["spew"])
        time.sleep(self.numbers.get("sleep", 0) / 1000)
        _burn(self.numbers.get("burn", 0) / 1000)
        for word, detached in (("orphan", False), ("fork", True)):
            if word in self.flags:
                self._descendants[word] = _descend(word, detached)
        for found in self._found:
            if found["program"]:
                self._answers[found["program"]] = _run(found["program"])
        for word, end in _ENDS:
            if word in self.flags:
                end()

    def messages(self, source: Source, commands: int) -> list[Json]:
        """The messages that the directives of a command add."""
        messages: list[Json] = []
        for found in self._found:
            word = found["flag"] or found["asked"] or found["counted"] or ""
            text = self._info(word, commands)
            if word == "error":
                messages.append(source.message("error", *found.span(), "unsolved goals"))
            elif word == "memory":
                text = "(kernel) excessive memory consumption detected"
                messages.append(source.message("error", *found.span(), text))
            elif text is not None:
                messages.append(source.message("info", *found.span(), text))
            elif found["program"]:
                messages.append(source.message("info", *found.span(), json.dumps(self._answers[found["program"]])))
            elif found["name"]:
                messages += _unknown(source, found["name"])
        return messages

    def send(self, reply: str) -> None:
        """Write the reply, spoilt as asked."""
        payload = self._spoilt(reply) + b"\n\n"
        if "blank" in self.flags:
            payload = b"\n" + payload
        write_all(1, self._forged(payload))
        if "forgelate" in self.numbers:
            _forge_late(self.numbers["forgelate"] / 1000)
        if "noread" in self.flags:
            _hang()

    def _forged(self, payload: bytes) -> bytes:
        if "forgeonly" in self.flags:
            return FORGED
        if "forgein" in self.flags:
            middle = payload.index(b":")
            return payload[:middle] + FORGED + payload[middle:]
        return FORGED * ("forge" in self.flags) + payload + FORGED * ("forgeafter" in self.flags)

    def _info(self, word: str, commands: int) -> str | None:
        if word == "big":
            return "a" * self.numbers["big"]
        if word == "env":
            return json.dumps(dict(os.environ), ensure_ascii=False)
        if word == "count":
            return json.dumps({"commands": commands, "pid": os.getpid()})
        return json.dumps(self._descendants[word]) if word in self._descendants else None

    def _spoilt(self, reply: str) -> bytes:
        if "garbage" in self.flags:
            return b"this is not JSON"
        if "deep" in self.numbers:
            # Spliced as text: Python's encoder would meet its own recursion limit first.
            depth = self.numbers["deep"]
            reply = f'{reply[:-1]},\n "deep": {"[" * depth}{"]" * depth}}}'
        payload = reply.encode("utf-8", "replace")
        return payload[:-1] + b',\n "bytes": "\xff\xfe"}' if "badutf8" in self.flags else payload


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, past Python's buffers, so that nothing is left behind at an abrupt end."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _unknown(source: Source, name: str) -> list[Json]:
    uses = re.finditer(rf"(?<![\w.':]){re.escape(name)}(?![\w'])", source.code)
    return [source.message("error", *use.span(), f"unknown identifier '{name}'") for use in uses]


def run_word(code: str) -> str:
    """Return the word that has this Python code run; what it leaves in `result` comes back."""
    return "run:" + base64.urlsafe_b64encode(code.encode()).decode()


def _run(program: str) -> Json:
    names: dict[str, object] = {}
    try:
        exec(base64.urlsafe_b64decode(program), names)
    except Exception as error:  # noqa: BLE001 - whatever stopped it is the answer
        return {"raised": f"{type(error).__name__}: {error}"}
    return {"ran": str(names.get("result", ""))}


def _touched(size: int) -> bytearray:
    block = bytearray(size)
    block[::4096] = b"\1" * len(block[::4096])
    return block


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def _descend(word: str, detached: bool) -> Json:
    """Leave a sleeping descendant behind; its process id comes over a pipe, because it may be a grandchild."""
    read_end, write_end = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            _be_descendant(write_end, detached)
        if detached:
            os.waitpid(child, 0)
        refused = "the child could not fork"
    except OSError as error:
        refused = str(error)
    os.close(write_end)
    number = os.read(read_end, 32)
    os.close(read_end)
    return {word: int(number)} if number else {word: None, "refused": refused}


def _be_descendant(report: int, detached: bool) -> NoReturn:
    try:
        _sleep_as_descendant(report, detached)
    finally:
        # Whatever happens, end here: a child that returned would read requests beside its parent.
        os._exit(1)


def _sleep_as_descendant(report: int, detached: bool) -> None:
    if detached:
        os.setsid()
        if os.fork():
            return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 2) if detached else (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.write(report, str(os.getpid()).encode())
    os.close(report)
    time.sleep(_DESCENDANT_LIFE_S)


def _forge_late(seconds: float) -> None:
    import threading  # imported here: at the top it would slow down every start

    def forge() -> None:
        time.sleep(seconds)
        write_all(1, FORGED)

    threading.Thread(target=forge, daemon=True).start()


def _crash() -> NoReturn:
    os._exit(1)


def _segv() -> NoReturn:
    os.kill(os.getpid(), 11)
    sys.exit(1)  # only where SIGSEGV is blocked


def _hang() -> NoReturn:
    while True:
        time.sleep(3600)


def _flood() -> NoReturn:
    while True:
        write_all(1, b"x" * _CHUNK)


def _flood_lines() -> NoReturn:
    while True:
        write_all(1, (b"x" * 63 + b"\n") * (_CHUNK // 64))


_ENDS = (("crash", _crash), ("segv", _segv), ("hang", _hang), ("flood", _flood), ("floodlines", _flood_lines))
