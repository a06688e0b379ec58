"""The rules of the gate `strict`, as data. A change here changes `POLICY_VERSION` in farm/models/verdicts.py."""

from __future__ import annotations

from dataclasses import dataclass

from farm.models import Reason


@dataclass(frozen=True, slots=True)
class Rule:
    """Words and names that are refused, and why.

    Attributes:
        why: the reason, as the verdict says it.
        words: keywords and commands; with `names` also the last component of a dotted name, and escaped in «». One
            that begins with `#` stands for every token that begins with it: Lean reads `#evalx` as `#eval x`.
        roots: first components of names; with `deep` any component.
        names: whether the words are names as well.
        deep: whether the roots are refused in any place.
        reason: what the verdict's reason is.
    """

    why: str
    words: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()
    names: bool = False
    deep: bool = False
    reason: Reason = Reason.POLICY


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RUNS = "it runs code while Lean elaborates"
_MEANS = "it changes what text means"
_EXTENDS = "it extends Lean itself"
_COMPILES = "it compiles to something else than it says"
_LEAN = "it is Lean's own machinery"

RULES = (
    Rule("it ends the text before its end", _set("#exit"), reason=Reason.PARSE),
    Rule("it assumes what is to be proved", _set("axiom opaque unif_hint")),
    Rule("it leaves Lean's own definitions out", _set("prelude")),
    Rule(_RUNS, _set("#eval #eval! #guard #guard_expr #html #widget #test run_cmd run_elab run_meta run_tac run_conv")),
    Rule(_RUNS, _set("by_elab eval% initialize builtin_initialize simproc dsimproc simproc_decl dsimproc_decl")),
    Rule(_RUNS, _set("builtin_simproc builtin_dsimproc declare_config_elab declare_simp_like_tactic")),
    Rule(_RUNS, _set("declare_command_config_elab declare_term_config_elab set_library_suggestions register_hint")),
    Rule(_RUNS, _set("set_premise_selector grind_propagator builtin_grind_propagator tactic_extension")),
    Rule("it changes or hides messages", _set("#guard_msgs #guard_panic #time #count_heartbeats #lint")),
    Rule(
        "it reaches the network or files", _set("include_str #leansearch #loogle #moogle #search #statesearch polyrith")
    ),
    Rule(
        _MEANS, _set("elab elab_rules macro macro_rules syntax declare_syntax_cat notation notation3 binder_predicate")
    ),
    Rule(_MEANS, _set("infix infixl infixr prefix postfix")),
    Rule(_EXTENDS, _set("register_option register_simp_attr register_label_attr register_builtin_attribute")),
    Rule(_EXTENDS, _set("register_parser_alias register_tag_attribute register_grind_attr declare_aesop_rule_sets")),
    Rule(_COMPILES, _set("unsafe partial extern")),
    Rule(_COMPILES, _set("implemented_by csimp unsafeCast unsafeIO unsafeBaseIO unsafeEIO"), names=True),
    Rule(_COMPILES, _set("compile_inductive compile_def compile_inductive% compile_def%")),
    Rule("it trusts the compiler, not the kernel", _set("native_decide native nativeDecide trustCompiler"), names=True),
    Rule("it trusts the compiler, not the kernel", _set("reduceBool reduceNat ofReduceBool ofReduceNat"), names=True),
    Rule("it trusts the compiler, not the kernel", _set("bv_decide bv_decide? bv_check")),
    Rule("it goes around the kernel", _set("addDecl addDeclCore addDeclWithoutChecking addAndCompile"), names=True),
    Rule("it goes around the kernel", _set("modifyEnv setEnv evalDecl evalExpr evalConst"), names=True),
    Rule("it prints behind Lean's back", _set("dbg_trace dbgTrace dbgTraceVal dbgTraceIfShared"), names=True),
    Rule("it prints behind Lean's back", _set("dbgStackTrace dbgSleep"), names=True),
    # An IO action is a function of `()`, and the value of `simp (config := …)` is run: no `#eval` is needed for it.
    Rule("it prints behind Lean's back", _set("println! eprintln! print! eprint! timeit allocprof")),
    Rule(_LEAN, roots=_set("Lean Lake Qq Elab Meta")),
    Rule(_LEAN, roots=_set("MetaM TermElabM TacticM CommandElabM CoreM MacroM ImportM"), deep=True),
    Rule("it acts on the machine", roots=_set("IO BaseIO EIO System Task"), deep=True),
    # Sockets, processes and threads of Lean's library, whose names need no `IO` once `Std` is opened.
    Rule("it acts on the machine", roots=_set("Internal Async Http Mutex Channel"), deep=True),
    Rule("it switches a check off", roots=_set("debug compiler interpreter")),
)
"""What the gate refuses. A word is compared whole: `axioms` and `h.axiom` are none of these."""

ALLOWED_OPTIONS = _set(
    "maxHeartbeats maxRecDepth maxSynthPendingDepth autoImplicit relaxedAutoImplicit linter. pp. trace. backward."
    " synthInstance.maxHeartbeats synthInstance.maxSize synthInstance.etaExperiment tactic.hygienic simprocs aesop."
    " exponentiation.threshold diagnostics smartUnfolding profiler"
)
"""Options that a text may set; one that ends in a dot stands for all below it. Everything else is refused, first of
all `debug.skipKernelTC` and whatever silences `sorry`."""

ALLOWED_ATTRIBUTES = _set(
    "simp simps ext norm_cast push_cast elim_cast move_cast squash_cast refl rfl symm trans subst congr gcongr aesop"
    " grind mono fun_prop reducible irreducible semireducible inline noinline always_inline specialize instance class"
    " elab_as_elim coe default_instance to_additive measurability continuity field_simps mfld_simps inherit_doc nolint"
    " deprecated match_pattern mk_iff simps! to_additive! to_additive? to_dual pp_nodot elab_without_expected_type"
    " induction_eliminator cases_eliminator bound nontriviality elementwise reassoc expose"
)
"""Attributes that a text may use; everything else is refused, first of all what replaces code (`extern`, `csimp`,
`implemented_by`, `export`, `init`) and what runs it (`tactic`, `command_elab`, `macro`, `simproc`)."""

CORE_CLASSES = _set(
    "Add Sub Mul Div Mod Neg Inv Pow SMul HAdd HSub HMul HDiv HMod HPow HSMul Monoid Semiring Ring CommRing Field OfNat"
    " NatCast IntCast LE LT HasSubset Membership Zero One BEq Ord Dvd Min Max Append Union Inter Bot Top Sup Inf"
    " Coe CoeT CoeTail CoeHead CoeOut CoeDep CoeFun CoeSort CoeHTCT"
)
"""Classes that give numerals, operators, relations and coercions their meaning."""

CORE_TYPES = _set("Nat ℕ Int ℤ Rat ℚ Real ℝ Complex ℂ Bool Prop Fin ZMod List Set Finset String Char True Type Sort")
"""Types on which a new instance of such a class would change what a statement seems to say. It cannot change what the
farm checks, because the statement is elaborated before the text; it is refused so that no reader is misled."""
