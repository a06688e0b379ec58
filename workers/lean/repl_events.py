"""Events that end or disturb a conversation with the REPL.

ReplEvent
├── StartFailed      the REPL cannot be started: a problem with this host
├── HeaderFailed     the header has errors; the REPL lives on
├── Unguarded        the REPL cannot serve the level `checked`; the REPL lives on
└── ReplEnded        the REPL is dead, whatever it did last
    ├── ReplGone         the REPL ended, or was started again, during a command
    ├── GuardTripped     the REPL broke a rule of the guard, such as one reply to each request
    ├── ReplOutOfMemory  the REPL needed more memory than it may have
    └── ReplTimeout      the REPL did not answer in time
        └── HeaderTimeout    the REPL did not load a header in time
"""

from __future__ import annotations

from workers.lean.repl_reply import Refused, Reply


class ReplEvent(Exception):
    """Something happened to the REPL."""


class StartFailed(ReplEvent):
    """The REPL cannot be started: a problem with this host, not the fault of a proof."""


class HeaderFailed(ReplEvent):
    """The header itself has errors.

    Attributes:
        response: what Lean said.
        is_silent: whether Lean reported no error while it loaded the header, but then the first command failed.
    """

    def __init__(self, response: Reply | Refused, *, is_silent: bool = False) -> None:
        super().__init__("The header has errors")
        self.response = response
        self.is_silent = is_silent

    @property
    def text(self) -> str:
        """The first error: in Lean's words if Lean reported it, otherwise in the farm's."""
        if self.is_silent:
            return "The header did not load: it imports a module that is not there, or one that is broken"
        return self.response.first_error or str(self)


class Unguarded(ReplEvent):
    """This REPL cannot serve the level `checked`: its replies may be forged unnoticed, or it cannot run the checks."""


class ReplEnded(ReplEvent):
    """The REPL is dead."""


class ReplGone(ReplEnded):
    """The REPL ended, or was started again, during a command that relied on the REPL's environments."""


class GuardTripped(ReplEnded):
    """The REPL broke a rule of the guard, such as one reply to each request; its replies are no longer trusted."""


class ReplOutOfMemory(ReplEnded):
    """The REPL needed more memory than it may have."""


class ReplTimeout(ReplEnded):
    """The REPL did not answer in time."""


class HeaderTimeout(ReplTimeout):
    """The header did not load in time."""
