"""API keys: 256 random bits each, stored as SHA-256, compared in constant time.

The file has one `name hash` pair per line. Losing it reveals no key; a key is shown once, when it is made.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from hashlib import sha256
from pathlib import Path

from farm.errors import ConfigurationError, Unauthorized

LOCAL_OWNER = "local"
# `strict` is the trust domain of gated texts (farm/store/lanes.py).
_RESERVED = frozenset((LOCAL_OWNER, "strict"))
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def read_keys(path: Path) -> dict[str, str]:
    """Return the hash of every key, by name.

    Raises:
        ConfigurationError: the file cannot be read or has a broken line.
    """
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise ConfigurationError(f"API_KEYS_FILE cannot be read ({error}): run `farm keys create NAME`") from error
    keys = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, digest = line.partition(" ")
        if not _NAME.fullmatch(name) or name in _RESERVED or len(digest.strip()) != 64:
            raise ConfigurationError(f"{path}:{number} is no `name hash` pair")
        keys[name] = digest.strip()
    return keys


def _write(path: Path, keys: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text("".join(f"{name} {digest}\n" for name, digest in keys.items()))
    draft.replace(path)


def create_key(path: Path, name: str) -> str:
    """Add a key and return it; this is the only time it is seen.

    Raises:
        ConfigurationError: the name is taken or not of letters, digits, `_`, `.` and `-`.
    """
    keys = read_keys(path) if path.exists() else {}
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise ConfigurationError(f"A key's name has 1–64 letters, digits, `_`, `.` or `-`, and is not {name!r}")
    if name in keys:
        raise ConfigurationError(f"There is a key {name!r} already: `farm keys revoke {name}` first")
    key = f"lf_{secrets.token_urlsafe(32)}"
    _write(path, {**keys, name: _digest(key)})
    return key


def revoke_key(path: Path, name: str) -> None:
    """Remove a key; the API refuses it from the next request on.

    Raises:
        ConfigurationError: there is no key of this name.
    """
    keys = read_keys(path)
    if keys.pop(name, None) is None:
        raise ConfigurationError(f"There is no key {name!r}: `farm keys list` shows those there are")
    _write(path, keys)


class Keyring:
    """The keys the API accepts; reread when the file changes, so that a revoked key is refused at once."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._keys: dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether there are no keys at all: loopback only, one owner."""
        return self._path is None

    def owner(self, authorization: str | None) -> str:
        """Return the name of the key in an `Authorization: Bearer` header.

        Raises:
            Unauthorized: there is none, or it is no key of this farm.
        """
        if self._path is None:
            return LOCAL_OWNER
        scheme, _, key = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthorized("An API key is needed: send `Authorization: Bearer KEY` (SDK and CLI: FARM_API_KEY)")
        found = self.owner_of(key.strip())
        if found is None:
            raise Unauthorized("This API key is unknown or was revoked")
        return found

    def owner_of(self, key: str) -> str | None:
        """Return the name of a key; None if it is no key of this farm."""
        digest, found = _digest(key), None
        for name, known in (self._current(self._path) if self._path else {}).items():
            # Every key is compared, so that time tells nothing about which one came close.
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def _current(self, path: Path) -> dict[str, str]:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._seen:
            self._keys, self._seen = read_keys(path), stamp
        return self._keys
