"""Gives the API's signs of life, from its event loop: if the loop hangs, the signs stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

from farm.signs_of_life import SIGN_EVERY_S, Sign


async def give_signs(data_dir: Path) -> None:
    """Give a sign of life every `SIGN_EVERY_S` seconds until cancelled."""
    sign = Sign(data_dir, "api", is_main=True)
    while True:
        sign.give()
        await asyncio.sleep(SIGN_EVERY_S)
