"""Every route against the farm's own OpenAPI document: no 5xx, no unhandled error, every answer as described.

The suite runs few examples with one seed; `make schema` is the long form.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.service.conftest import Guarded

# What the service must hold; that a schema says all that is refused (positive_data_acceptance) is not among it.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth"
)


@pytest.mark.timeout(300)
def test_every_route_answers_as_it_is_described(guarded: Guarded, tmp_path: Path) -> None:
    schemathesis = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert schemathesis, "the extra `dev` brings it"
    run = subprocess.run(
        [
            *(schemathesis, "run", f"{guarded.farm.url}/openapi.json", "--checks", CHECKS),
            *("--max-examples", os.environ.get("SCHEMA_EXAMPLES", "15")),
            *("--seed", os.environ.get("SCHEMA_SEED", "1"), "--generation-deterministic"),
            *("--request-timeout", "60", "--suppress-health-check", "all", "--no-color", "--continue-on-failure"),
            *("--header", f"Authorization: Bearer {guarded.keys['mine']}"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    print(run.stdout[-4000:])
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    assert "request.fault" not in guarded.farm.log("api"), "an error that nobody handles"
