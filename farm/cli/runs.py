"""A run of `farm verify`: what is written before it, while it goes on, and when it is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

import typer

from farm.cli.beginnings import Beginning, resume
from farm.cli.output import connect, progress_bar, show_json_line, tell
from farm.cli.rows import Row
from farm.cli.verdicts import Output, open_output
from farm.client import Farm, Run
from farm.client.manifest import Identity, identify
from farm.client.series import Known
from farm.client.submission import OptionFields
from farm.errors import FarmError
from farm.models import Proof, Verdict


def run_rows(
    rows: list[Row], options: OptionFields, output: Path | None, manifest: Path | None, *, as_json: bool
) -> Run:
    """Have rows verified, and return what came of it.

    Args:
        rows: the proofs, and rows that hold none.
        options: of the batches.
        output: where verdicts are written as they come.
        manifest: where the run is noted before it begins, so that the same call finds it again.
        as_json: whether verdicts are shown as they come.

    Raises:
        typer.Exit: it was interrupted, and what had not run is cancelled.
    """
    identities = [identify(row, index) for index, row in enumerate(rows)]
    asked = {"level": options["level"], "environment": options["environment"]}
    with connect() as farm, closing(open_output(output, identities, asked) if output else Output()) as file:
        if file.known:
            tell(f"{output}: {len(file.known)} of {len(rows)} have their verdict")
        known, begun = file.known, None
        if manifest:
            begun, known = _begin(manifest, identities, options, farm, known)
        with progress_bar(as_json) as bar:
            task = bar.add_task("verifying", total=len(rows))

            def take(verdict: Verdict) -> None:
                # A run that is found again tells everything from its beginning.
                if (verdict.id, identities[verdict.index].sha256) in file.known:
                    return
                file.add(verdict)
                if as_json:
                    show_json_line(verdict.dump())

            def note(batch_id: str) -> None:
                if begun and manifest and batch_id not in begun.batches:
                    begun.batches.append(batch_id)
                    begun.write(manifest)

            try:
                return farm.verify_many(
                    cast("list[Proof]", rows),
                    known=known,
                    idempotency_key=begun.key if begun else None,
                    on_verdict=take,
                    on_batch=note,
                    progress=lambda done, _: bar.update(task, completed=done),
                    **options,
                )
            except KeyboardInterrupt:
                if begun and manifest:
                    _end(farm, begun, manifest)
                tell(f"cancelled: {bar.tasks[task].completed:.0f} of {len(rows)} had a verdict")
                raise typer.Exit(130) from None


def _begin(
    manifest: Path, identities: Sequence[Identity], options: OptionFields, farm: Farm, known: Known
) -> tuple[Beginning, Known]:
    """Note the run, or find it again; return its beginning, and the verdicts of the proofs that are not sent."""
    fresh = Beginning.make(identities, dict(options), farm.base_url, {name for name, _ in known})
    begun, is_found = resume(manifest, fresh)
    if is_found and set(begun.known) <= set(fresh.known):
        tell(f"{manifest}: this run began at {begun.started_at:%Y-%m-%d %H:%M:%S} UTC, and goes on")
        unsent = set(begun.known)
        return begun, {key: verdict for key, verdict in known.items() if key[0] in unsent}
    fresh.write(manifest)
    return fresh, known


def _end(farm: Farm, begun: Beginning, manifest: Path) -> None:
    """Cancel what was submitted: a run that somebody has stopped is not found again."""
    with suppress(FarmError):
        for batch_id in begun.batches:
            farm.batch(batch_id).cancel()
    manifest.unlink(missing_ok=True)
