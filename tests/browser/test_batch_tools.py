"""What can be done with a batch in Chromium: download it, and run its undecided proofs again."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from pyarrow import parquet

from tests.browser.page import Page
from tests.browser.proofs import TRUE, finish, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


def download(page: Page, form: str, batch: str, folder: Path, name: str = "") -> Path:
    """Press a batch's button for a file of this form, and return the file; it has the batch's id for a name."""
    page.download_to(folder)
    page.open(f"batches/{batch}")
    page.await_text(f"as {form}", ".tools")
    await_true(lambda: page.texts(".state"), "the state")
    page.press_button(f"as {form}")
    path = folder / f"{name or batch}.{form.lower()}"
    await_true(path.exists, "the file")
    return path


def test_a_batch_is_downloaded_as_lines(page: Page, mixed: str, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in download(page, "JSONL", mixed, tmp_path).read_text().splitlines()]

    assert [row["index"] for row in rows] == list(range(46))
    assert (rows[45]["reason"], rows[45]["batch"]) == ("timeout", mixed)


def test_a_batch_is_downloaded_as_parquet(page: Page, mixed: str, tmp_path: Path) -> None:
    rows = parquet.read_table(download(page, "Parquet", mixed, tmp_path)).to_pylist()

    assert [row["index"] for row in rows] == list(range(46))
    assert (rows[45]["reason"], rows[45]["batch"]) == ("timeout", mixed)
    page.await_text("Download all 46 as Parquet", ".tools")


def test_a_file_begins_with_the_label_of_its_batch(page: Page, farm: RunningFarm, tmp_path: Path) -> None:
    batch = finish(farm, submit(farm, [{"code": TRUE}], label="../prover 7b: step 1200"))

    download(page, "JSONL", batch, tmp_path, f"prover_7b_step_1200_{batch[:8]}")


def test_what_is_undecided_runs_again(page: Page, mixed: str, farm: RunningFarm) -> None:
    page.open(f"batches/{mixed}")
    page.await_text("Rerun 1 undecided", ".tools")
    page.press_button("Rerun")

    page.await_text("runs again the undecided proofs of an earlier batch")
    page.await_text("undecided 1", "search")
    again = page.address().rpartition("/")[2]
    assert httpx.get(f"{farm.url}/v1/batches/{again}").json()["parent"] == mixed
