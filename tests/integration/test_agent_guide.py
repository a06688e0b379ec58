"""docs/guides/agents.md: the transcript is what the scripted agent prints, and the numbers are the code's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from farm.mcp.bounded_output import MOST_CHARS
from tests.support.running import RunningFarm

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "agents.md").read_text()


def test_the_transcript_is_what_the_agent_does(farm: RunningFarm) -> None:
    command = [sys.executable, "-m", "tests.support.agent_at_work"]
    environment = {**farm.environment, "FARM_URL": farm.url}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    [shown] = re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert masked(done.stdout) == masked(shown)
    # Each of the five files came to a verdict at `checked`.
    assert shown.count("accepted at checked") == 5


def masked(text: str) -> str:
    """Return a text without the times in it."""
    return re.sub(r"\d+(\.\d+)? s\b", "N s", text)


def test_the_guide_states_the_limit_that_holds() -> None:
    assert f"{MOST_CHARS:,} characters".replace(",", " ") in GUIDE
