"""The descriptions of fields, parameters and bodies in the OpenAPI document.

They come from the docstrings of models, and from this module. A model's docstring describes only the attributes that
need an explanation in the code; this module describes the others.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from api.example_answers import ANSWERS, STREAMS
from api.examples import EXAMPLES

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)

TAGS = [
    {"name": "proofs", "description": "Batches of proofs, and proofs verified while you wait."},
    {"name": "lean", "description": "LeanInteract's requests, and tactics tried on goals."},
    {"name": "premises", "description": "Declarations that may help to prove a goal."},
    {"name": "rewards", "description": "Rewards in the shapes that trainers ask for."},
    {"name": "operations", "description": "Health, workers, figures and joining hosts, for operators and probes."},
    {"name": "kimina", "description": "The routes of Kimina Lean Server, for its clients."},
]
_INFO = {
    "description": "Verifies Lean 4 proofs and finds premises. A verdict is never a guess: what the farm could not "
    "decide is `undecided`, and says nothing about the proof.",
    "contact": {"name": "The operator of this farm"},
    "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
}
_PARAMETERS = {
    "batch_id": "The batch's id, as given in the response to its submission.",
    "index": "The proof's position in its batch, from 0.",
    "limit": "How many to return, at most.",
    "after": "The cursor after which to read: the previous page's `next`. Without it, reading starts at the beginning.",
    "minutes": "How many of the last minutes to return.",
    "hosts": "Whether to add what each host did in the last half hour.",
    "Idempotency-Key": "A name for this submission: sent again with the same body, it returns the same batch.",
}
# The keys are `Model.field`, or only the field's name if the field means the same in every model.
_FIELDS = {
    "accepted": "How many were accepted.",
    "batch_id": "The batch's name in every other request.",
    "caller_in_module_system": "Whether the goal's file is a `module`.",
    "cached": "Whether an earlier verdict on the same proof was used.",
    "checks": "The parts of the farm, by name: `redis`, `lean`, `embed`, `premises`.",
    "code": "Lean text.",
    "codes": "The texts to check.",
    "column": "How many characters precede it on its line.",
    "counts": "Finished proofs by outcome.",
    "custom_id": "A name for this item, the same in the request and in the answer.",
    "data": "The text.",
    "decl": "The premise's declaration, in the form that the index embeds.",
    "detail": "What failed.",
    "details": "Facts about the failure, such as every finding.",
    "disable_cache": "Whether to run each text in a fresh process.",
    "done": "Whether nothing more will come.",
    "BatchStatus.done": "How many proofs have their verdict.",
    "endPos": "Where it ends in your text; null if that is not known.",
    "end_pos": "Where it ends in your text; null if that is not known.",
    "engine": "What does the work in this part, with its version.",
    "environment": "The Lean environment that judged the proof.",
    "QueueStatus.environment": "The Lean environment.",
    "environments": "The Lean environments of the farm.",
    "error": "What failed.",
    "goal": "The goal that is left, as Lean prints it.",
    "goals": "The goals on which to try the tactics.",
    "host": "The machine it runs on.",
    "id": "A name for this item, the same in the request and in the answer.",
    "imported_all_modules": "Modules imported with `import all`, whose private declarations may be used too.",
    "imported_modules": "Modules whose premises may be used: names, or positions in `/indexed-modules`.",
    "index": "The proof's place in its batch, from 0.",
    "infotree_type": "Which information tree to return.",
    "items": "Proofs with their verdicts, in the order of their indices.",
    "kind": "The room it works in: `lean`, `embed` or `premises`.",
    "leased": "Proofs that are running.",
    "line": "The line, from 1.",
    "links": "The addresses of its status and its results, and the address that cancels it.",
    "local_premises": "Further premises that may be used: names, or positions in `/indexed-premises`.",
    "message": "One sentence that says what to do.",
    "messages": "What Lean said; if there is too much, errors come first and the rest is left out.",
    "name": "The premise's full name.",
    "names": "Names in the order of their indices.",
    "new_premises": "Premises from your own file that the index does not have.",
    "next": "Where to continue reading.",
    "notice": "What an operator should know; empty if nothing.",
    "options": "The options that it was submitted with.",
    "pending": "Proofs that are waiting.",
    "pid": "Its process id on that machine.",
    "pos": "Where it is in your text; null if Lean gives no position.",
    "premises": "The premises found, the nearest first.",
    "progress": "How much of its loading is done, from 0 to 1.",
    "proof": "The Lean text of the proof.",
    "Item.proof": "The proof as it was submitted.",
    "proofs": "The proofs to verify.",
    "queues": "How many proofs wait and run, by environment.",
    "ready": "Whether it answers.",
    "rejected": "How many were rejected.",
    "requests": "What to send to one Lean process, one after the other.",
    "response": "What the REPL answered.",
    "results": "One result for each item in the request.",
    "ResultsPage.results": "The verdicts on this page, in the order in which the proofs finished.",
    "score": "How near the premise is to the goal: the larger, the nearer.",
    "severity": "How serious it is.",
    "snippets": "The texts to check.",
    "sorries": "Each `sorry` that was left, with its goal.",
    "state": "`queued`, `running`, `done` or `cancelled`.",
    "status": "`ready`, `degraded` or `not ready`.",
    "timeout": "Seconds that each text may run.",
    "total": "How many proofs the batch has.",
    "undecided": "How many the farm could not decide.",
    "verdict": "Its verdict; null while there is none.",
    "workers": "The live worker processes.",
    "PartReadiness.workers": "How many processes it has.",
    "ErrorBody.code": "What kind of failure it is; a code never changes its meaning.",
}


def complete(document: dict[str, Any]) -> None:
    """Add to an OpenAPI document what FastAPI cannot know: descriptions, examples, and the subjects of the tags."""
    models = {model.__name__: model for model in _models(BaseModel)}
    for name, schema in document["components"]["schemas"].items():
        if name in models:
            _describe(schema, models[name])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(operation, f"{method.upper()} {path}")
    document["tags"] = TAGS
    document["servers"] = [{"url": "/", "description": "The farm that serves this document."}]
    document["info"] |= _INFO


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        if model.__module__.startswith(("farm.models", "api.")):
            yield model
        yield from _models(model)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    known: dict[str, str] = {}
    for each in reversed(model.__mro__):
        text = inspect.cleandoc(each.__dict__.get("__doc__") or "")
        known |= {name: " ".join(said.split()) for name, said in _ATTRIBUTE.findall(text.partition("\nAttributes:")[2])}
    if "description" in schema:
        schema["description"] = schema["description"].partition("\nAttributes:")[0].strip()
    for field, shape in schema.get("properties", {}).items():
        said = known.get(field) or _FIELDS.get(f"{model.__name__}.{field}") or _FIELDS.get(field)
        if said and "description" not in shape:
            shape["description"] = said[0].upper() + said[1:]


def _complete_operation(operation: dict[str, Any], name: str) -> None:
    # Without `security`, a reader cannot tell whether an operation needs no key, or whether the document is incomplete.
    operation.setdefault("security", [])
    for status, answer in operation["responses"].items():
        for kind, content in answer["content"].items():
            if status[0] == "2":
                content["example"] = STREAMS[kind] if kind in STREAMS else ANSWERS[name]
    for parameter in operation.get("parameters", ()):
        parameter.setdefault("description", _PARAMETERS.get(parameter["name"], ""))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        # The schema of a body that may be absent is a choice of several schemas.
        for name in re.findall(r"#/components/schemas/(\w+)", str(content.get("schema"))):
            if name in EXAMPLES:
                content["example"] = EXAMPLES[name]
