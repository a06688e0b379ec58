"""API keys. A key has 256 random bits, is stored as its SHA-256, and is compared in constant time.

Each line of the key file reads `name hash scope,scope gate`. If a line has no scopes, the key has all scopes except
`join`. If a line has no gate, the key's proofs need to pass no gate except the one that their batch asks for. A key is
shown once, when it is made. A stolen file reveals no key.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from farm.errors import ConfigurationError, Forbidden, Unauthorized
from farm.whole_files import keep_owner, replacing

LOCAL_OWNER = "local"
# These names are not for keys: one is the owner on a farm without keys, the other the trust domain of gated proofs.
_RESERVED = frozenset({LOCAL_OWNER, "strict"})
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Gate(StrEnum):
    """The gate that the proofs of a key have to pass before they reach a REPL."""

    OFF = "off"
    """Each proof passes the gate that its batch asks for."""
    STRICT = "strict"
    """Each proof passes the `strict` gate. This is for the keys of people or models that must not run metacode here."""


class Scope(StrEnum):
    """What a key may be used for."""

    VERIFY = "verify"
    """Submit proofs; list, read and cancel the batches of the same key."""
    RETRIEVE = "retrieve"
    """Ask for premises."""
    OPERATE = "operate"
    """See the workers and their work, and the figures for Prometheus."""
    JOIN = "join"
    """Run workers on another host. The answer holds the store's password, which gives access to everything."""


ALL_SCOPES = frozenset(Scope) - {Scope.JOIN}
"""The scopes of a key for which no scopes are named. Without `join`, its holder cannot write verdicts."""


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the key file.

    Attributes:
        digest: SHA-256 of the key, as hex.
        gate: the gate that the key's proofs have to pass, whatever their batch asks for.
    """

    name: str
    digest: str
    scopes: frozenset[Scope] = ALL_SCOPES
    gate: Gate = Gate.OFF

    def require(self, scope: Scope) -> None:
        """Check that the key has a scope.

        Raises:
            Forbidden: the key does not have the scope.
        """
        if scope not in self.scopes:
            raise Forbidden(f"The key {self.name!r} has no scope `{scope}`: ask for a key that has it")


def bearer(authorization: str | None) -> str:
    """Return the key in an `Authorization: Bearer` header.

    Raises:
        Unauthorized: the header holds no key.
    """
    scheme, _, key = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Unauthorized("An API key is needed: send `Authorization: Bearer KEY` (SDK and CLI: FARM_API_KEY)")
    return key.strip()


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def read_keys(path: Path) -> dict[str, Key]:
    """Return every key, by name.

    Raises:
        ConfigurationError: the file cannot be read or has a broken line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"API_KEYS_FILE cannot be read ({error}): run `farm keys create NAME`") from error
    keys = [
        _parse(line, f"{path}:{number}")
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    ]
    return {key.name: key for key in keys}


def _parse(line: str, where: str) -> Key:
    match line.split():
        case [name, digest] if _is_name(name) and _DIGEST.fullmatch(digest):
            return Key(name, digest)
        case [name, digest, scopes, *gate] if _is_name(name) and _DIGEST.fullmatch(digest) and len(gate) < 2:
            return Key(name, digest, parse_scopes(scopes, where), parse_gate(*gate, where=where))
    raise ConfigurationError(f"{where} is not of the form `name hash scopes gate`")


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and name not in _RESERVED


def parse_scopes(text: str, where: str = "--scopes") -> frozenset[Scope]:
    """Return the scopes of a comma-separated list.

    Raises:
        ConfigurationError: a scope is unknown.
    """
    try:
        return frozenset(Scope(scope.strip()) for scope in text.split(","))
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}; the scopes are {', '.join(Scope)}") from error


def parse_gate(text: str = Gate.OFF, *, where: str = "--gate") -> Gate:
    """Return the gate with this name.

    Raises:
        ConfigurationError: there is no such gate.
    """
    try:
        return Gate(text)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}; the gates are {', '.join(Gate)}") from error


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, Key]]:
    """Yield the keys for the `with` block to change, then write them back. Keep other processes out meanwhile.

    If root changes the keys, the files keep their owner: the user who runs the API.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.lock")
    with beside.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        keys = read_keys(path) if path.exists() else {}
        if os.geteuid() == 0 and path.exists():
            keep_owner(beside, path.stat())
        yield keys
        with replacing(path, new_mode=0o600) as draft:
            draft.write_text("".join(map(_line, keys.values())))


def _line(key: Key) -> str:
    return f"{key.name} {key.digest} {','.join(sorted(key.scopes))} {key.gate}\n"


def create_key(path: Path, name: str, scopes: frozenset[Scope] = ALL_SCOPES, gate: Gate = Gate.OFF) -> str:
    """Add a key and return it. The key cannot be read again later.

    Raises:
        ConfigurationError: the name is taken, reserved, or not made of letters, digits, `_`, `.` and `-`.
    """
    if not _is_name(name):
        reserved = " and ".join(sorted(_RESERVED))
        raise ConfigurationError(f"A key's name has 1–64 letters, digits, `_`, `.` or `-`; {reserved} are reserved")
    key = f"lf_{secrets.token_urlsafe(32)}"
    with _changing(path) as keys:
        if name in keys:
            raise ConfigurationError(f"There is already a key {name!r}: run `farm keys revoke {name}` first")
        keys[name] = Key(name, _digest(key), scopes, gate)
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove a key. The API refuses the key from the next request on.

    Raises:
        ConfigurationError: there is no key of this name.
    """
    with _changing(path) as keys:
        if keys.pop(name, None) is None:
            raise ConfigurationError(f"There is no key {name!r}: `farm keys list` shows the keys")


class Keyring:
    """The keys that the API accepts. If the file changes, it is read again, so a revoked key is refused at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}

    @property
    def is_open(self) -> bool:
        """Whether the farm has no key file. Such a farm listens only on loopback and has a single owner."""
        return self._path is None

    def owner(self, authorization: str | None, scope: Scope) -> str:
        """Return the name of the key in an `Authorization: Bearer` header.

        Raises:
            Unauthorized: the header holds no key of this farm.
            Forbidden: the key does not have the scope.
        """
        if self._path is None:
            return LOCAL_OWNER
        found = self.holder(authorization)
        found.require(scope)
        return found.name

    def holder(self, authorization: str | None) -> Key:
        """Return the key in an `Authorization: Bearer` header, whatever its scopes.

        Raises:
            Unauthorized: the header holds no key of this farm.
        """
        found = self.find(bearer(authorization))
        if found is None:
            raise Unauthorized("This API key is unknown or was revoked")
        return found

    def find(self, key: str) -> Key | None:
        """Return the line of the file for a key; None if it is not a key of this farm."""
        digest, found = _digest(key), None
        for known in (self._current(self._path) if self._path else {}).values():
            # Every key is compared, so that the time taken does not reveal whether one matches in part.
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found

    def gate(self, owner: str) -> Gate:
        """Return the gate of an owner's key; `off` on a farm without keys.

        Raises:
            Unauthorized: the owner's key was revoked while the request was being read.
        """
        if self._path is None:
            return Gate.OFF
        key = self._current(self._path).get(owner)
        if key is None:
            raise Unauthorized("This API key was revoked")
        return key.gate

    def _current(self, path: Path) -> dict[str, Key]:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._seen:
            self._keys, self._seen = read_keys(path), stamp
        return self._keys
