"""The page that describes the API: Swagger UI over `/openapi.json`, with its files from a package instead of a CDN."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def page() -> HTMLResponse:
    """Return the page; its addresses are relative, so it works behind a proxy that puts a prefix before them."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="leanfarm",
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        # An empty icon: without it, a browser would ask this host for an icon.
        swagger_favicon_url="data:,",
        # By default, the page would send the OpenAPI document to a service of Swagger's.
        swagger_ui_parameters={"validatorUrl": None},
    )


def assets() -> StaticFiles:
    """Return the app that serves Swagger UI's own files."""
    return StaticFiles(packages=[("fastapi_offline", "static")])
