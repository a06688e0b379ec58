"""The web console: a page and its files, which hold no data; what they show comes from `/v1`, with a key."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

_FOLDER = Path(__file__).parents[1] / "console"

router = APIRouter(include_in_schema=False)


@router.get("/console")
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(_FOLDER / "page.html")


def assets() -> StaticFiles:
    """Return what serves the page's scripts and styles."""
    return StaticFiles(directory=_FOLDER / "assets")
