"""Flower's login, kept in the data folder so that a password saved in a browser still works after a restart."""

from __future__ import annotations

import secrets
from pathlib import Path

_USER = "farm"


def keep_login(data_dir: Path) -> str:
    """Return `USER:PASSWORD` from the file `flower-login`; if there is no such file, make it with a new password."""
    path = data_dir / "flower-login"
    if path.is_file() and (kept := path.read_text().strip()):
        return kept
    login, written = f"{_USER}:{secrets.token_urlsafe(12)}", data_dir / "flower-login.new"
    written.touch(mode=0o600)
    written.write_text(login + "\n")
    written.replace(path)  # The file appears whole or not at all.
    return login
