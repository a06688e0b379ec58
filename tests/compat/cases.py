"""Bodies of `POST /retrieve`: the load cases of the benchmark on a small corpus, and the edges of every rule."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from tests.compat.corpus import DataSet, Declared
from tests.compat.reference import MAX_K, MAX_NEW_PREMISES

Body = dict[str, Any]

EXACT = ("Grid.", "Ties.", "Zero")
"""Modules whose vectors are multiples of 1/8: with a state that starts `grid` their scores are exact."""


def cases(data: DataSet) -> dict[str, Body]:
    """Return all bodies that both servers answer with 200, by name."""
    parts = (load_cases, clamps, lists_of_names, new_ones, module_system, ties)
    return {name: body for part in parts for name, body in part(data).items()}


def body(state: str = "a b : ℕ\n⊢ a + b = b + a", k: int = 32, **fields: Any) -> Body:
    """Return a body as the Lean client sends it: every field is there."""
    lists: Body = {"local_premises": [], "imported_modules": [], "new_premises": [], "imported_all_modules": []}
    return {"state": state, **lists, "k": k, "caller_in_module_system": False, **fields}


def new(*names: str, decl: str = "theorem {} : 1 + 1 = 2") -> list[dict[str, str]]:
    return [{"name": name, "decl": decl.format(name)} for name in names]


def load_cases(data: DataSet) -> dict[str, Body]:
    """Return the seven cases of load_retrieve.py, several states and import lists each where they vary."""
    rng = random.Random(1)
    every = list(range(len(data.modules)))
    most, few = sorted(rng.sample(every, len(every) // 2)), sorted(rng.sample(every, 3))
    local = rng.sample(range(len(data.declared)), 200)
    added = new(*(f"My.new_{at}" for at in range(50)))
    found = {
        "b": body(imported_modules=most, local_premises=local, new_premises=added),
        "s": body(imported_modules=few),
        "all": body(imported_modules=every),
        "none": body(imported_modules=None, local_premises=None),
        "m": body(imported_modules=most, caller_in_module_system=True),
    }
    for at in range(10):
        found[f"a, state {at}"] = body(f"h{at} : p\n⊢ p", imported_modules=most)
        found[f"v, list {at}"] = body(imported_modules=sorted(rng.sample(every, len(every) // 2)))
    return found


def clamps(data: DataSet) -> dict[str, Body]:
    some = data.module_ids("Real.M0")
    counts = {"one": 1, "99": 99, "100": 100, "k above what is accessible": 800, "MAX_K": MAX_K, "MAX_K + 1": MAX_K + 1}
    found = {f"k: {name}": body(k=k, imported_modules=some) for name, k in counts.items()}
    for k in (0, -1, -(10**12), MAX_K, MAX_K + 1, 10**12):
        found[f"k: {k} of the whole corpus"] = body(k=k, imported_modules=None, local_premises=None)
    return found | {
        "k: 0 with new premises": body(k=0, new_premises=new("My.x")),
        "k: above one accessible": body(k=5, local_premises=["x"]),
        "nothing accessible": body(),
        "state: empty": body("", local_premises=["x"]),
        "state: long": body("h : ℕ → ℕ\n" * 2000, local_premises=["x"]),
        "only state and k": {"state": "p : Prop\n⊢ p", "k": 10},
        "unknown fields": {"state": "p : Prop\n⊢ p", "k": 10, "local_premises": ["x"], "added": {"later": 1}},
    }


def lists_of_names(data: DataSet) -> dict[str, Body]:
    """Return every way to name modules and premises; k is above what is accessible, so that nothing stays hidden."""
    last, end = len(data.modules), len(data.declared)
    hidden = [at for at, each in enumerate(data.declared) if not each.is_kept]
    modules: dict[str, Sequence[int | str] | None] = {
        "ids": [3, 1, 2],
        "repeated ids": [3, 3, 3, 1],
        "out of range": [-1, last, last + 7, 2**31, 2**40, -(2**40), 3],
        "names": ["Odd", "Odd.Base", "Odd.lower"],
        "paths": ["Odd/Base.lean", "Odd/lower", "Odd.lean", "Odd.Base.lean"],
        "almost names": ["odd", "Odd/", "/Odd", ".lean", "", "Odd.lean.lean", "Odd.Base.", " Odd", "0", "3"],
        "mixed": ["Odd/Base.lean", 3, "Nowhere", -1, 4, "Odd.Base"],
        "with all premises hidden": ["Lean.Elab", "Lean.Unlisted", "Mathlib.Tactic.Ring", "Odd.Test", "Util"],
        "nearly hidden": ["Mathlib.Tactics.Ring", "LeanOdd", "Odd.Test1"],
        "without declarations": ["Empty", "Empty.Without.File"],
        "oddities": ["Zeta.Last"],
        "null": None,
    }
    premises: dict[str, Sequence[int | str] | None] = {
        "positions": list(range(0, end, 3)),
        "positions of hidden ones": hidden,
        "out of range": [-1, -5, end, end + 1, 2**31, 2**40, 0],
        "names": ["x", "5", "α.β'", "«weird name».ключ", "Moved.once", "Real.M00.x0", "Real.M00.x0"],
        "names that are hidden": [data.declared[at].name for at in hidden],
        "mixed": ["x", 5, "Nowhere.y", -1, "5", 7, "Leanish.x"],
        "unknown": ["nowhere", "", "Real.M00", "real.m00.x0"],
        "null": None,
    }
    found = {f"modules: {name}": body(imported_modules=each, k=MAX_K) for name, each in modules.items()}
    found |= {f"premises: {name}": body(local_premises=each, k=MAX_K) for name, each in premises.items()}
    return found | {
        "premises and modules that overlap": body(local_premises=list(range(end)), imported_modules=[3], k=MAX_K),
        "premises alone, modules null": body(local_premises=["x", 5], imported_modules=None),
        "modules alone, premises null": body(imported_modules=["Odd"], local_premises=None),
        "all positions": body(local_premises=list(range(end)), k=MAX_K),
    }


def new_ones(data: DataSet) -> dict[str, Body]:
    known = [each.name for each in data.kept if each.module == "Real.M04"]
    module: Body = {"imported_modules": ["Real.M04"], "k": MAX_K}
    repeated = [*new("My.x"), *new("My.x", decl="theorem other {}"), *new("My.x", "My.y")]
    many = new(*(f"Many.n{at}" for at in range(MAX_NEW_PREMISES)))
    return {
        "new: one of an indexed name": body(new_premises=new(known[7]), **module),
        "new: all of indexed names": body(new_premises=new(*known), **module),
        "new: of a name outside the access": body(new_premises=new("Real.M05.x1"), **module),
        "new: of a local premise's name": body(new_premises=new("x", "y"), local_premises=["x", "5"]),
        "new: of hidden names": body(new_premises=new("Qq.q", "Real.M00.blacklisted", "Lean.x"), **module),
        "new: whole corpus accessible": body(
            new_premises=new(*known), k=40, imported_modules=None, local_premises=None
        ),
        "new: repeated names": body(new_premises=repeated, **module),
        "new: alone": body(new_premises=new("My.x", "My.y", "My.z")),
        "new: alone, more than k": body(new_premises=new(*(f"My.n{at}" for at in range(60))), k=7),
        "new: the state itself": body("grid of one", new_premises=[{"name": "same", "decl": "grid of one"}], **module),
        "new: odd names": body(new_premises=new("", "«a b».c", "Übung\u0000", "\U0001d53d", '"\\\n')),
        "new: unknown fields": body(new_premises=[{**new("My.x")[0], "module": "M", "kind": None}]),
        "new: null": body(new_premises=None, **module),
        "new: one too many": body(new_premises=[*many, *new(known[0], "grid")], **module),
    }


def module_system(data: DataSet) -> dict[str, Body]:
    caller: Body = {"caller_in_module_system": True, "k": MAX_K}
    two: Body = {"imported_modules": ["Real.M02", "Real.M04"], **caller}
    return {
        "module system: nothing imported in full": body(**two),
        "module system: one by name": body(imported_all_modules=["Real/M02.lean"], **two),
        "module system: one by id": body(imported_all_modules=data.module_ids("Real.M04"), **two),
        "module system: unknown": body(imported_all_modules=["Nowhere", -1, 10**6], **two),
        "module system: in full but not imported": body(imported_all_modules=["Real.M06"], **two),
        "module system: null": body(**{**two, "imported_all_modules": None}),
        "module system: whole corpus": body(**{**caller, "imported_modules": None, "local_premises": None}),
        "module system: hides local ones": body(local_premises=list(range(0, 2000, 5)), **caller),
        "module system: new ones are seen": body(new_premises=new("Real.M02.x2", "My.def"), **two),
        "module system: caller outside": body(
            imported_modules=["Real.M02"], imported_all_modules=["Real.M02"], k=MAX_K
        ),
    }


def ties(data: DataSet) -> dict[str, Body]:
    """Return bodies whose scores are exact: what is equal is equal on every machine, and only the order can differ."""
    exact, tied, zero = data.module_ids(*EXACT), data.module_ids("Ties."), data.module_ids("Zero")
    found: dict[str, Body] = {}
    for k in (1, 2, 5, 32, 99, 100, 150, MAX_K):
        found[f"ties: k = {k}"] = body("grid goal", k, imported_modules=tied)
        found[f"ties: k = {k} of more"] = body("grid other goal", k, imported_modules=exact)
        found[f"ties: k = {k}, zero state"] = body("zero", k, imported_modules=exact)
    same = [{"name": f"New.n{at}", "decl": "grid goal"} for at in range(5)]
    nothing = [{"name": f"New.z{at}", "decl": "zero"} for at in range(5)]
    return found | {
        "ties: zero vectors": body("grid goal", 20, imported_modules=zero),
        "ties: zero state, whole corpus": body("zero", 50, imported_modules=None, local_premises=None),
        "ties: among new ones": body("grid goal", 3, new_premises=same),
        "ties: indexed before new": body("grid goal", 60, imported_modules=zero, new_premises=nothing),
        "ties: indexed before new, cut": body("zero", 42, imported_modules=zero, new_premises=nothing),
        "ties: overridden": body("zero", 39, imported_modules=zero, new_premises=_overriding(data.kept, "Zero")),
    }


def _overriding(kept: Sequence[Declared], module: str) -> list[dict[str, str]]:
    return [{"name": each.name, "decl": "zero"} for each in kept if each.module == module][::3]


_WRONG: dict[str, list[Any]] = {
    "k": [None, "many", 1.5, [], {}],
    "state": [None, 5, ["x"], {}],
    "imported_modules": ["Odd", 5, {}, [None], [[1]], [{}], [1.5], [1, "Odd", None]],
    "local_premises": ["x", 5, {}, [None], [[1]], [1.5]],
    "imported_all_modules": ["x", 5, {}, [None], [1.5]],
    "new_premises": ["x", {}, [None], ["x"], [{}], [{"name": "x"}], [{"decl": "x"}], [{"name": 1, "decl": "x"}]],
    "caller_in_module_system": [None, "perhaps", 2, [], {}],
}
_INVALID: dict[str, Any] = {
    "a list": [],
    "a number": 7,
    "null": None,
    "nothing": {},
    "no k": {"state": "x"},
    "no state": {"k": 1},
    **{f"{field} is {json.dumps(value)}": body(**{field: value}) for field in _WRONG for value in _WRONG[field]},
    "k is 0 and a list is wrong": body(k=0, imported_modules=[None]),
    "a new premise that is one too many": body(new_premises=[*new(*["x"] * MAX_NEW_PREMISES), {"name": "x"}]),
}
INVALID = {"empty": b"", "not JSON": b"{state", **{name: json.dumps(each).encode() for name, each in _INVALID.items()}}
"""What both servers must refuse with 422."""
