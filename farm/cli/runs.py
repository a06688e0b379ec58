"""A run of `farm verify`: writes the run's record and its verdicts, and cleans up when the user stops the run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import typer

from farm.cli.output import connect, progress_bar, show_json_line, tell
from farm.cli.rows import Row
from farm.cli.unfinished_runs import UnfinishedRun, resume
from farm.cli.verdicts import Output, open_output
from farm.client import Farm, Run
from farm.client.manifest import Identity, identify
from farm.client.series import Known
from farm.client.submission import OptionFields
from farm.errors import FarmError, NotFound
from farm.models import Proof, Verdict


@dataclass(frozen=True, slots=True)
class _Going:
    """A run in progress: writes the run's verdicts and notes its batches.

    Attributes:
        begun: the record of the unfinished run; None if this run keeps no record.
        note: the file of the record.
    """

    identities: Sequence[Identity]
    output: Output
    as_json: bool
    begun: UnfinishedRun | None
    note: Path | None

    def take(self, verdict: Verdict) -> None:
        """Write and show a verdict, unless the output already has it: a resumed run reports all its verdicts again."""
        if (verdict.id, self.identities[verdict.index].sha256) in self.output.known:
            return
        self.output.add(verdict)
        if self.as_json:
            show_json_line(verdict.dump())

    def add_batch(self, batch_id: str) -> None:
        """Note in the record that a batch was submitted or found again."""
        if self.begun and self.note and batch_id not in self.begun.batches:
            self.begun.batches.append(batch_id)
            self.begun.write(self.note)

    def stop(self, farm: Farm) -> None:
        """Cancel the run's batches and delete its record, because a run that the user stopped must not be resumed."""
        if self.begun and self.note:
            with suppress(FarmError):
                for batch_id in self.begun.batches:
                    # The first batches of a long run may have expired.
                    with suppress(NotFound):
                        farm.batch(batch_id).cancel()
            self.note.unlink(missing_ok=True)


def run_rows(
    rows: list[Row], options: OptionFields, output: Path | None, manifest: Path | None, *, as_json: bool
) -> Run:
    """Verify rows and return the results.

    Args:
        rows: the proofs, and the bad rows, which hold no proof.
        options: the options of the run's batches.
        output: the file for the verdicts; None for no file.
        manifest: the file for the record of the run, by which a repeated call finds the run again; None for no record.
        as_json: whether to print each verdict as it comes.

    Raises:
        typer.Exit: the user interrupted the run, and the proofs that had not run were cancelled.
    """
    identities = [identify(row, index) for index, row in enumerate(rows)]
    asked = {"level": options["level"], "environment": options["environment"]}
    with connect() as farm, closing(open_output(output, identities, asked) if output else Output()) as file:
        if file.known:
            tell(f"{output}: {len(file.known)} of {len(rows)} have their verdict")
        begun, known = _begin(manifest, identities, options, farm, file.known) if manifest else (None, file.known)
        going = _Going(identities, file, as_json, begun, manifest)
        with progress_bar(as_json) as bar:
            task = bar.add_task("verifying", total=len(rows))
            try:
                return farm.verify_many(
                    cast("list[Proof]", rows),
                    known=known,
                    idempotency_key=begun.key if begun else None,
                    on_verdict=going.take,
                    on_batch=going.add_batch,
                    progress=lambda done, _: bar.update(task, completed=done),
                    **options,
                )
            except KeyboardInterrupt:
                going.stop(farm)
                tell(f"cancelled: {bar.tasks[task].completed:.0f} of {len(rows)} had a verdict")
                raise typer.Exit(130) from None


def _begin(
    manifest: Path, identities: Sequence[Identity], options: OptionFields, farm: Farm, known: Known
) -> tuple[UnfinishedRun, Known]:
    """Return the record of the run: the record that an earlier call left, or else a new one, which is written.

    Returns:
        The record, and the known verdicts. The run does not send the proofs that have a known verdict.
    """
    fresh = UnfinishedRun.make(identities, dict(options), farm.base_url, {name for name, _ in known})
    begun, is_found = resume(manifest, fresh)
    if is_found and set(begun.known) <= set(fresh.known):
        tell(f"{manifest}: this run began at {begun.started_at:%Y-%m-%d %H:%M:%S} UTC, and continues")
        unsent = set(begun.known)
        return begun, {key: verdict for key, verdict in known.items() if key[0] in unsent}
    fresh.write(manifest)
    return fresh, known
