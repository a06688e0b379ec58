"""The Apptainer definition, as far as it can be read without Apptainer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from farm.local import bundle

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "deploy" / "apptainer" / "leanfarm.def").read_text()
HEADER, *PARTS = re.split(r"^%(\w+)\n", TEXT, flags=re.MULTILINE)
SECTIONS = dict(zip(PARTS[::2], PARTS[1::2], strict=True))
ARGUMENTS = dict(line.split("=", 1) for line in SECTIONS["arguments"].split())


def test_it_has_only_what_apptainer_knows() -> None:
    keys = [line.partition(":")[0] for line in HEADER.splitlines() if line and not line.startswith("#")]

    assert keys == ["Bootstrap", "From"]
    assert set(SECTIONS) <= {"arguments", "files", "post", "environment", "runscript", "test"}
    assert set(re.findall(r"{{ (\w+) }}", TEXT)) == set(ARGUMENTS)


@pytest.mark.parametrize("section", ["post", "environment", "runscript", "test"])
def test_sh_takes_its_scripts(section: str) -> None:
    run = subprocess.run(["sh", "-n"], input=SECTIONS[section], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")


def test_it_installs_what_a_bundle_has() -> None:
    assert f"'leanfarm[{bundle.EXTRAS}]'" in SECTIONS["post"]
    # `--bundle` looks at the size of every file of the manifest, so the wheels stay.
    assert "\n    rm " not in SECTIONS["post"]
