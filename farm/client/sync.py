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
    History,
    HostSettings,
    NewPremise,
    RetrievedPremise,
    TacticsAnswer,
    Verdict,
)
from farm.models.kimina import Checked
from farm.models.reports import Infotree


class Farm(StepRunner):
    """A client for a farm. It needs no event loop, so it works in notebooks, and threads may share one `Farm`.

        with Farm() as farm:
            verdicts = farm.verify(["example : 1 + 1 = 2 := rfl", "example : 1 + 1 = 3 := rfl"])

    Every method repeats a call while the farm is busy, is restarting, or cannot be reached. If that does not help, the
    method raises `RateLimited`, `Unavailable` or `ConnectionFailed`. Every method may also raise `Unauthorized` and
    `Forbidden`, besides the errors that its own docstring lists. A proof that fails gives a verdict, never an error.

    A `Farm` works on both sides of a fork, each side with its own connections. It can be pickled: the copy asks the
    same address with the same `api_key`. A key from `FARM_API_KEY` is not pickled: the copy reads that variable itself.

    Args:
        base_url: the farm's URL. If None, the variable `FARM_URL` gives the URL. If `FARM_URL` is not set, the farm is
            on this host, at the port that `PORT` gives (8000 by default).
        api_key: the API key. If None, the variable `FARM_API_KEY` is used. If empty, no key is sent.
        timeout: a connection counts as lost if no byte arrives for this many seconds plus the time that the work may
            take. A stream of verdicts counts as lost after 45 s, because the farm sends something every 15 s.
        retries: how many times in a row a failed call is repeated.
        transport: the httpx transport to send requests through, for tests and special networks.

    Attributes:
        base_url: the farm's URL, without a password.
        sleep: the function that waits between tries; replace it to wait in another way.

    Raises:
        ConfigurationError: an argument or an environment variable cannot be used.
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
        """Close the connections of this process. A closed client cannot be used again."""
        self._connections.close()

    def verify(self, proofs: Proofs, **options: Unpack[OptionFields]) -> list[Verdict]:
        """Verify one or many proofs, and return their verdicts in the order of the proofs.

        Up to 1 000 proofs (and 32 MB) are sent in one request; the farm drops them if this process ends. More are sent
        as a batch, which the farm finishes even if this process ends.

        Args:
            proofs: Lean source, a dictionary of a proof's fields, a `Proof`, or an iterable of these.
            options: see `OptionFields`.

        Raises:
            InvalidRequest: a proof or an option is wrong, or asks for what this farm cannot do.
            TooLarge: the proofs are more than the farm takes at once.
        """
        submission = prepare(proofs, options)
        if submission.fits_one_answer:
            return self._run(self._core.verify(submission))
        return Batch(self, *self._run(self._core.submit(submission))).wait()

    def verify_many(self, proofs: Proofs, **options: Unpack[SeriesFields]) -> Run:
        """Verify any number of proofs, such as one step of a trainer or a whole benchmark, and return their results.

        The proofs are sent as batches. While the farm works on one, the next is read from the iterable and submitted.
        If the call fails or is interrupted, it cancels its batches, except one that is being submitted. It cancels
        none if an `idempotency_key` was given, or if the farm could not be reached or was unavailable.

            run = farm.verify_many(proofs, level="checked", timeout_s=60)
            run.rewards(undecided=None), run.pass_at_k(8), run.manifest.write("run.json")

        Args:
            proofs: as for `verify`; ids must be unique, and a proof without one gets its index.
            options: see `SeriesFields`; `deadline_s` and `canaries` apply to each batch.

        Raises:
            InvalidRequest: a proof or an option is wrong, or asks for what this farm cannot do.
            Conflict: the `idempotency_key` has been used with other proofs or options.
        """
        return self._run(self._core.verify_many(Series(proofs, options, self.base_url)))

    def submit(self, proofs: Proofs, *, idempotency_key: str | None = None, **options: Unpack[OptionFields]) -> Batch:
        """Submit one or many proofs as a batch, and return a handle for the batch at once.

        If the SDK has to repeat the request, the farm still makes only one batch.

        Args:
            proofs: as for `verify`.
            idempotency_key: a name for the submission, up to 256 characters of ASCII. Another process that submits the
                same proofs with this key gets the same batch. With None, each call of this method makes a new batch.
            options: see `OptionFields`.

        Raises:
            InvalidRequest: a proof or an option is wrong, or asks for what this farm cannot do.
            TooLarge: the proofs are more than the farm takes at once.
            Conflict: the `idempotency_key` has been used with other proofs or options.
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
        """Check snippets as kimina-client does, and return an answer for each snippet, in the same order.

        This method calls `POST /api/check`, a route that Kimina Lean Server has too. The level is `compiled`, the gate
        is off, and an answer has `response` or `error` instead of a verdict. For new code, `verify` offers more.

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
        """Return a handle for the batch with this id, without asking the farm whether it exists."""
        return Batch(self, batch_id)

    def batches(
        self, limit: int = 20, *, label: str | None = None, tags: Iterable[str] = (), prefix: str = ""
    ) -> list[BatchStatus]:
        """Return the latest batches of the client's API key, the newest first.

        Args:
            limit: the most batches to return, from 1 to 1000.
            label: return only batches with this label.
            tags: return only batches that have all of these tags.
            prefix: return only batches whose id begins with this text.
        """
        return self._run(self._core.batches(limit, label=label, tag=list(tags), prefix=prefix))

    def commands(
        self, requests: Iterable[Any], *, timeout_s: float | None = None, environment: str = "default"
    ) -> CommandsAnswer:
        """Run LeanInteract requests in order in one fresh REPL process, and return the REPL's replies.

        Args:
            requests: lean_interact's `Command`s and `ProofStep`s, or dictionaries with the REPL's names. Environments
                and proof states are numbered as in a fresh REPL, from 0.
            timeout_s: seconds each request may take; the farm's `LEAN_TIMEOUT_S` when None.
            environment: the Lean environment to run in.

        Returns:
            The replies, as `responses`: lean_interact's models if lean_interact is installed, else dictionaries. If
            there are fewer responses than requests, `reason` says why; else `reason` is None.

        Raises:
            InvalidRequest: for example, a request names a file, or an `env` that no request before it can have made.
        """
        return self._run(self._core.commands(requests, timeout_s=timeout_s, environment=environment))

    def tactics(
        self,
        goals: Iterable[Goal | dict[str, Any]],
        *,
        timeout_s: float | None = None,
        environment: str = "default",
    ) -> TacticsAnswer:
        """Try tactic sequences on goals; many workers share the work.

        If several sequences begin alike, a process runs their common beginning only once.

        Args:
            goals: `Goal`s, or dictionaries with the fields of a `Goal`: `candidates`, and either a `statement` or
                `code` that contains a `sorry`.
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
            k: the most premises to return; the farm's `MAX_K` is the limit.
            imported_modules: the modules that are accessible, by name or id. If this and `local_premises` are both
                None, the whole corpus is accessible.
            local_premises: single premises that are accessible, by name or index.
            new_premises: premises that are not in the corpus, to be ranked together with it.
            caller_in_module_system: whether to hide what Lean's module system hides from the caller.
            imported_all_modules: modules that the caller imports with `import all`.

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
        """Return the premises nearest to each of several goals, each with its kind, module and statement.

        The modules and premises that are accessible are the same for all goals. So the farm embeds all goals together
        and searches once.

        Args:
            states: the pretty-printed goals, 1 to 64 of them.
            k: the most premises to return for each goal; the farm's `MAX_K` is the limit.
            imported_modules: as for `retrieve`.
            local_premises: as for `retrieve`.
            new_premises: as for `retrieve`.
            caller_in_module_system: as for `retrieve`.
            imported_all_modules: as for `retrieve`.

        Raises:
            InvalidRequest: a field has the wrong type, `k` is below 1, or there are no goals or too many.
            RateLimited: too many goals are already waiting to be embedded.
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
        """Return the workers, and how much work is waiting."""
        return self._run(self._core.workers())

    def history(self, minutes: int = 60, *, hosts: bool = False) -> History:
        """Return the figures of the last minutes, the events that explain these figures, and the alarms of this moment.

            rates = [minute and sum(minute.verdicts.values()) for minute in farm.history(60).minutes]

        Args:
            minutes: how many minutes to return, from 1 to 1440. In the answer, None stands for an unknown minute.
            hosts: whether to add what each host did in the last half hour.

        Raises:
            InvalidRequest: `minutes` is out of range.
        """
        return self._run(self._core.history(minutes, hosts=hosts))

    def environments(self) -> list[EnvironmentStatus]:
        """Return the Lean environments that can be named as `environment` in other calls, the default one first."""
        return self._run(self._core.environments())

    def host_settings(self) -> HostSettings:
        """Return the settings with which another host joins the farm (`farm join`). The key needs the scope `join`.

        Raises `Conflict` if the farm has no keys, or if other hosts cannot reach its store.
        """
        return self._run(self._core.host_settings())

    def ready(self) -> dict[str, Any]:
        """Return `{"status", "checks"}`, which say whether all parts answer. No error is raised if a part does not."""
        return self._run(self._core.ready())
