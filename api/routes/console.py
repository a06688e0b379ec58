"""The web console: a page and its files. They contain no data: the page reads everything from `/v1`, with a key."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

_FOLDER = Path(__file__).parents[1] / "console"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def root(request: Request) -> Response:
    """Send a browser to the console; every other client gets the sign of life that Kimina's clients ask for."""
    vary = {"Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        # The address is relative, so that it works behind a proxy that puts a prefix before the path.
        return RedirectResponse("console", headers=vary)
    return JSONResponse({"status": "ok"}, headers=vary)


@router.get("/console")
async def page() -> FileResponse:
    """Return the page."""
    return FileResponse(_FOLDER / "page.html")


def assets() -> StaticFiles:
    """Return the app that serves the page's scripts and styles."""
    return StaticFiles(directory=_FOLDER / "assets")
