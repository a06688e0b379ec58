"""The synchronous shell: `Farm` over `httpx.Client`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Self, Unpack

import httpx

from farm.client.batch import Batch
from farm.client.connections import Connections
from farm.client.core import Core
from farm.client.endpoint import FarmEndpoint
from farm.client.kimina import Snippets, prepare_check
from farm.client.run import Run
from farm.client.series import Series, SeriesFields
from farm.client.submission import OptionFields, Proofs, prepare
from farm.client.sync_steps import StepRunner
from farm.models import (
    BatchStatus,
    CommandsAnswer,
    DetailedPremise,
    EnvironmentStatus,
    FarmStatus,
    Goal,
    NewPremise,
    RetrievedPremise,
    TacticsAnswer,
    Verdict,
)
from farm.models.kimina import Checked
from farm.models.reports import Infotree


class Farm(StepRunner):
    """A farm, from threads and notebooks: no event loop runs inside, and threads may share one.

        with Farm() as farm:
            verdicts = farm.verify(["example : 1 + 1 = 2 := rfl", "example : 1 + 1 = 3 := rfl"])

    Every method repeats a call while the farm is busy, restarts, or cannot be reached. If that does not help, it raises
    `ConnectionFailed` or `Unavailable` when nobody answers, `RateLimited`, `Unauthorized`, `Forbidden`, and the errors
    in its own docstring. A proof that fails is a verdict, never an error.

    It works on both sides of a fork, each with connections of its own, and it can be pickled: the copy asks the same
    address with the same `api_key`. Only a key from `FARM_API_KEY` is not pickled: the copy reads that variable itself.

    Args:
        base_url: where the farm is; `FARM_URL` when None, else this host at `PORT` (8000).
        api_key: the key; `FARM_API_KEY` when None, and an empty one means none.
        timeout: seconds without a byte, beyond what the work may take, after which a connection counts as lost.
        retries: how many times in a row one call is made again.
        transport: the httpx transport for the requests, for tests and special networks.

    Attributes:
        base_url: where the farm is, without a password.
        sleep: the function that waits between tries; replace it to wait in another way.

    Raises:
        ConfigurationError: an argument or a variable cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        endpoint = FarmEndpoint.resolve(base_url, api_key)
        self.base_url = str(endpoint)
        self.sleep: Callable[[float], object] = time.sleep
        self._core = Core(self.base_url, timeout_s=timeout, retries=retries)
        self._connections = Connections(endpoint, transport)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def verify(self, proofs: Proofs, **options: Unpack[OptionFields]) -> list[Verdict]:
        """Verify one or many proofs and wait; verdicts come in the order of the proofs.

        Up to 1 000 proofs are sent in one request, and the farm drops them if this process ends. More are sent as a
        batch, which the farm finishes all the same.

        Args:
            proofs: Lean source, a dictionary of a proof's fields, a `Proof`, or an iterable of these.
            options: see `OptionFields`.

        Raises:
            InvalidRequest: a proof or an option is wrong, or asks for what this farm cannot do.
            TooLarge: it is more than the farm takes at once.
        """
        submission = prepare(proofs, options)
        if submission.fits_one_answer:
            return self._run(self._core.verify(submission))
        return Batch(self, *self._run(self._core.submit(submission))).wait()

    def verify_many(self, proofs: Proofs, **options: Unpack[SeriesFields]) -> Run:
        """Verify any number of proofs and wait: what a trainer calls at every step, and a benchmark once.

        The proofs are sent as batches: the next ones are submitted while the first is read, and the iterable is read
        only as they are submitted. When the call fails or is interrupted, what was submitted is cancelled.

            run = farm.verify_many(proofs, level="checked", timeout_s=60)
            run.rewards(undecided=None), run.pass_at_k(8), run.manifest.write("run.json")

        Args:
            proofs: as for `verify`; ids must be unique, and a proof without one has its index.
            options: see `SeriesFields`; `deadline_s` and `canaries` are those of each batch.

        Raises:
            InvalidRequest: a proof or an option is wrong, or asks for what this farm cannot do.
            Conflict: the `idempotency_key` was used with other proofs or options.
        """
        return self._run(self._core.verify_many(Series(proofs, options, self.base_url)))

    def submit(self, proofs: Proofs, *, idempotency_key: str | None = None, **options: Unpack[OptionFields]) -> Batch:
        """Submit one or many proofs and return at once; a call that is repeated never submits twice.

        Args:
            proofs: as for `verify`.
            idempotency_key: names the submit, up to 256 characters of ASCII, so that another process that submits the
                same with the same key gets the same batch; None: each call of this method is a batch of its own.
            options: see `OptionFields`.

        Raises:
            InvalidRequest: a proof or an option is wrong, or asks for what this farm cannot do.
            TooLarge: it is more than the farm takes at once.
            Conflict: the `idempotency_key` was used with other proofs or options.
        """
        return Batch(self, *self._run(self._core.submit(prepare(proofs, options), idempotency_key)))

    def check(
        self,
        snippets: Snippets,
        *,
        timeout: int = 30,
        debug: bool = False,
        reuse: bool = True,
        infotree: Infotree | None = None,
    ) -> list[Checked]:
        """Check snippets as kimina-client does, and return an answer for each in their order.

        It goes to `POST /api/check`, the route of Kimina Lean Server: level `compiled`, gate off, `response` or `error`
        instead of a verdict. `verify` offers more to new code.

        Args:
            snippets: Lean source, dictionaries of `id` and `code`, or `Snippet`s; a bare text has its index as id.
            timeout: whole seconds each snippet may run.
            debug: whether answers carry `diagnostics`.
            reuse: whether a REPL process that ran other snippets may run these.
            infotree: how much of Lean's info trees the answers hold.

        Raises:
            InvalidRequest: there is no snippet, two have the same id, or an argument is wrong.
        """
        request = prepare_check(snippets, timeout=timeout, debug=debug, reuse=reuse, infotree=infotree)
        return self._run(self._core.check(request))

    def batch(self, batch_id: str) -> Batch:
        """Return the handle of a batch by its id, without asking the farm whether there is one."""
        return Batch(self, batch_id)

    def batches(
        self, limit: int = 20, *, label: str | None = None, tags: Iterable[str] = (), prefix: str = ""
    ) -> list[BatchStatus]:
        """Return the key's latest batches, the newest first.

        Args:
            limit: how many at most, from 1 to 1000.
            label: those with this label; all when None.
            tags: those that have all of these.
            prefix: those whose id begins with this.
        """
        return self._run(self._core.batches(limit, label=label, tag=list(tags), prefix=prefix))

    def commands(
        self, requests: Iterable[Any], *, timeout_s: float | None = None, environment: str = "default"
    ) -> CommandsAnswer:
        """Run LeanInteract requests in order in one fresh REPL process, and return its replies.

        Args:
            requests: `Command` and `ProofStep` of lean_interact, or dictionaries with the REPL's names. Environments
                and proof states are numbered as in a fresh REPL, from 0.
            timeout_s: seconds each request may take; the farm's `LEAN_TIMEOUT_S` when None.
            environment: the Lean environment to run in.

        Returns:
            `responses` are lean_interact's models where it is installed, else dictionaries. `reason` says why there are
            fewer of them than requests, and is None if there is one for each.

        Raises:
            InvalidRequest: a request names a file of the farm's host, or a number that no earlier one can have made.
        """
        return self._run(self._core.commands(requests, timeout_s=timeout_s, environment=environment))

    def tactics(
        self,
        goals: Iterable[Goal | dict[str, Any]],
        *,
        timeout_s: float | None = None,
        environment: str = "default",
    ) -> TacticsAnswer:
        """Try tactic sequences on goals, over many workers; beginnings that they share run once per process.

        Args:
            goals: `Goal`s, or dictionaries of their fields: `code` with a sorry or `statement`, and `candidates`.
            timeout_s: seconds each tactic may take; the farm's `LEAN_TIMEOUT_S` when None.
            environment: the Lean environment to run in.

        Returns:
            Answers in the order of goals and candidates. `proved` is not a verdict: verify the proof that was found.

        Raises:
            InvalidRequest: a field is wrong, or there are too many candidates.
        """
        return self._run(self._core.tactics(goals=list(goals), timeout_s=timeout_s, environment=environment))

    def retrieve(
        self,
        state: str,
        k: int = 16,
        *,
        imported_modules: Iterable[int | str] | None = None,
        local_premises: Iterable[int | str] | None = None,
        new_premises: Iterable[NewPremise | dict[str, str]] = (),
        caller_in_module_system: bool = False,
        imported_all_modules: Iterable[int | str] | None = None,
    ) -> list[RetrievedPremise]:
        """Return the premises nearest to a goal, the best first.

        Args:
            state: the pretty-printed goal.
            k: how many at most; the farm's `MAX_K` bounds it.
            imported_modules: accessible modules by name or id; None with `local_premises` None: the whole corpus.
            local_premises: accessible premises by name or index.
            new_premises: premises the corpus does not know, to rank together with it.
            caller_in_module_system: hide what Lean's module system hides from the caller.
            imported_all_modules: modules the caller imports with `import all`.

        Raises:
            InvalidRequest: a field has the wrong type.
        """
        flow = self._core.retrieve(
            state=state,
            k=k,
            imported_modules=imported_modules,
            local_premises=local_premises,
            new_premises=new_premises,
            caller_in_module_system=caller_in_module_system,
            imported_all_modules=imported_all_modules,
        )
        return self._run(flow)

    def retrieve_many(
        self,
        states: Iterable[str],
        k: int = 16,
        *,
        imported_modules: Iterable[int | str] | None = None,
        local_premises: Iterable[int | str] | None = None,
        new_premises: Iterable[NewPremise | dict[str, str]] = (),
        caller_in_module_system: bool = False,
        imported_all_modules: Iterable[int | str] | None = None,
    ) -> list[list[DetailedPremise]]:
        """Return the premises nearest to each of several goals, with kind, module and statement.

        The goals share what their caller can see, so one call embeds them together and searches once.

        Args:
            states: the pretty-printed goals, 1 to 64 of them.
            k: how many at most for each; the farm's `MAX_K` bounds it.
            imported_modules: as for `retrieve`, and so are the others.
            local_premises: as there.
            new_premises: as there.
            caller_in_module_system: as there.
            imported_all_modules: as there.

        Raises:
            InvalidRequest: a field has the wrong type, or there are too many goals.
            RateLimited: too much waits to be embedded already.
        """
        flow = self._core.retrieve_many(
            states=states,
            k=k,
            imported_modules=imported_modules,
            local_premises=local_premises,
            new_premises=new_premises,
            caller_in_module_system=caller_in_module_system,
            imported_all_modules=imported_all_modules,
        )
        return self._run(flow)

    def workers(self) -> FarmStatus:
        """Return the workers, and how much waits."""
        return self._run(self._core.workers())

    def environments(self) -> list[EnvironmentStatus]:
        """Return the Lean environments that `environment` may name, the default one first, with their workers."""
        return self._run(self._core.environments())

    def ready(self) -> dict[str, Any]:
        """Return `{"status","checks"}`: whether every part answers. A farm that is not ready does not raise."""
        return self._run(self._core.ready())
