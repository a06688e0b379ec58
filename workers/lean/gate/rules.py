"""The rules of the `strict` gate, as data; they cover the commands, attributes and options of Lean 4.35 and Mathlib.

If you change anything here, also change `POLICY_VERSION` in farm/models/verdicts.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from farm.models import Reason


@dataclass(frozen=True, slots=True)
class Rule:
    """Words and names that are refused, and why.

    Attributes:
        why: why the words are refused, as half a sentence that the verdict's message quotes.
        words: keywords and commands. A word that begins with `#` stands for every token that begins with this word:
            Lean reads `#evalx` as `#eval x`.
        roots: names that are refused as the first component of a name.
        names: whether the words are refused as names as well: as the last component of a dotted name, or escaped in «».
        deep: whether the roots are refused as any component of a name, not only as the first.
        own: whether a root may pass if the text itself declares a type of this name.
        reason: the verdict's `reason`.
    """

    why: str
    words: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()
    names: bool = False
    deep: bool = False
    own: bool = False
    reason: Reason = Reason.POLICY


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_RUNS = "it runs code while Lean elaborates"
_MEANS = "it changes what text means"
_EXTENDS = "it extends Lean itself"
_COMPILES = "it compiles to something other than it says"
_LEAN = "it is Lean's own machinery"

NATIVE = Rule("it trusts the compiler, not the kernel", _set("native_decide"))
"""This rule is off for a batch that asks for `native_decide`; so are the rules on `+native` and `native := true`."""

RULES = (
    NATIVE,
    Rule("it ends the text before its end", _set("#exit"), reason=Reason.PARSE),
    Rule("imports belong in the header", _set("import")),
    Rule("it assumes what is to be proved", _set("axiom opaque unif_hint")),
    Rule("it leaves Lean's own definitions out", _set("prelude init_quot")),
    Rule(_RUNS, _set("#eval #eval! #guard #guard_expr #html #widget #test #where #help run_cmd run_elab run_meta")),
    Rule(_RUNS, _set("#sample #conv #parse #aesop_stats run_io plausible slim_check lrat_proof from_lrat")),
    Rule(_RUNS, _set("sym_simproc register_sym_simp")),
    Rule(_RUNS, _set("autoParam TacGen RuleTac SingleRuleTac SimpleRuleTac RuleTacInput RuleTacOutput"), names=True),
    Rule(_RUNS, _set("SolveByElimConfig ApplyRulesConfig BacktrackConfig LinarithConfig"), names=True),
    Rule(_RUNS, _set("GlobalBranchingPreprocessor GlobalPreprocessor CertificateOracle"), names=True),
    Rule(_RUNS, _set("run_tac run_conv by_elab eval% initialize builtin_initialize show_panel_widgets")),
    Rule(_RUNS, _set("with_panel_widgets simproc dsimproc simproc_decl dsimproc_decl cbv_simproc cbv_simproc_decl")),
    Rule(_RUNS, _set("builtin_simproc builtin_dsimproc builtin_simproc_decl builtin_dsimproc_decl")),
    Rule(_RUNS, _set("builtin_cbv_simproc builtin_cbv_simproc_decl simproc_pattern% builtin_simproc_pattern%")),
    Rule(_RUNS, _set("declare_config_elab declare_simp_like_tactic declare_command_config_elab")),
    Rule(_RUNS, _set("declare_term_config_elab set_library_suggestions set_premise_selector register_hint")),
    Rule(_RUNS, _set("register_try?_tactic grind_propagator builtin_grind_propagator tactic_extension")),
    Rule("it changes or hides messages", _set("#guard_msgs #guard_panic #lint #with_exporting")),
    Rule(
        "it reaches the network or files",
        _set("include_str include_bytes #leansearch #loogle #moogle #search #statesearch polyrith"),
    ),
    # `notation` and its variants, and `macro`, are checked in workers/lean/gate/notation.py.
    Rule(_MEANS, _set("elab elab_rules declare_syntax_cat end_local_scope docs_to_verso")),
    Rule(_MEANS, _set("macro_rules syntax notation3 binder_predicate")),
    Rule(_EXTENDS, _set("register_option register_builtin_option register_simp_attr register_label_attr")),
    Rule(_EXTENDS, _set("register_builtin_attribute register_parser_alias register_tag_attribute register_grind_attr")),
    Rule(_EXTENDS, _set("register_linter_set register_tactic_tag register_error_explanation declare_aesop_rule_sets")),
    Rule(_EXTENDS, _set("gen_injective_theorems%")),
    Rule(_COMPILES, _set("unsafe partial extern")),
    Rule(_COMPILES, _set("implemented_by csimp unsafeCast unsafeIO unsafeBaseIO unsafeEIO"), names=True),
    Rule(_COMPILES, _set("compile_inductive compile_def compile_inductive% compile_def%")),
    Rule("it trusts the compiler, not the kernel", _set("nativeDecide trustCompiler reduceBool reduceNat"), names=True),
    Rule("it trusts the compiler, not the kernel", _set("ofReduceBool ofReduceNat"), names=True),
    Rule("it trusts the compiler, not the kernel", _set("bv_decide bv_check")),
    Rule("it goes around the kernel", _set("addDecl addDeclCore addDeclWithoutChecking addAndCompile"), names=True),
    Rule("it goes around the kernel", _set("modifyEnv setEnv evalDecl evalExpr evalConst"), names=True),
    Rule("it prints behind Lean's back", _set("dbg_trace dbgTrace dbgTraceVal dbgTraceIfShared"), names=True),
    Rule("it prints behind Lean's back", _set("dbgStackTrace dbgSleep"), names=True),
    # A text can print without `#eval`. Lean evaluates the term in `simp (config := …)`, and this term can run an IO
    # action by applying it to `()`, because an action is a function.
    Rule("it prints behind Lean's back", _set("println! eprintln! print! eprint!")),
    Rule("it prints behind Lean's back", _set("timeit allocprof"), names=True),
    Rule("it prints behind Lean's back", roots=_set("Plausible SlimCheck")),
    # A configuration is compiled like an `unsafe` definition, so these could take a value for one of another type.
    Rule(_COMPILES, roots=_set("TypeName Dynamic"), deep=True),
    Rule(_LEAN, roots=_set("Lean Lake Qq Elab Aesop")),
    Rule(_LEAN, roots=_set("Meta"), own=True),
    Rule(_LEAN, roots=_set("MetaM TermElabM TacticM CommandElabM CoreM MacroM ImportM"), deep=True),
    Rule("it acts on the machine", roots=_set("IO BaseIO EIO System"), deep=True),
    Rule("it acts on the machine", roots=_set("Task"), own=True),
    # JSX contains text without quotes. In this text, characters that look like a string or a comment are neither.
    Rule("it changes what a quote or a dash means", roots=_set("ProofWidgets Jsx"), deep=True),
    Rule("it switches a check off", roots=_set("debug compiler interpreter")),
)
"""The rules of the gate. A word is compared as a whole: `axioms` and `h.axiom` may pass."""

STD_ROOTS = _set("Internal Async Http Mutex Channel")
"""Components of names in Lean's library whose functions act on the machine, for example through sockets, processes
or threads. They are refused only in a text that contains `Std`; in other texts anybody may use these names."""

TASK_FUNCTIONS = _set("spawn map bind pure get mapList Priority")
"""Names after `Task.` that are Lean's own. They are refused even in a text that declares a type `Task` itself."""

LEMMA_SPACES = _set("Grind Omega Order")
"""Namespaces below `Lean` that hold lemmas, not machinery: a proof may use names from them, but not declare any."""

USES = _set("exact exact_mod_cast apply refine rw rewrite open from using show simp simpa unfold have grind term")
"""Words after which a name is used, not declared."""

ALLOWED_HASH = _set("#check #check_failure #print #reduce #synth #time #count_heartbeats #find #simp #norm_num #whnf")
"""Commands with `#` that a text may use, if white space follows: each only shows something. `#eval` is refused
because it runs code. `#where` is refused because no proof needs it; Lean reads `#wherex` as `#where` too."""

ALLOWED_OPTIONS = _set(
    "maxHeartbeats maxRecDepth maxSynthPendingDepth autoImplicit relaxedAutoImplicit linter. pp. trace. backward."
    " synthInstance.maxHeartbeats synthInstance.maxSize synthInstance.etaExperiment tactic.hygienic simprocs aesop.dev."
    " aesop.warn. aesop.check. aesop.collectStats aesop.smallErrorMessages tactic.skipAssignedInstances"
    " trace.profiler.threshold trace.profiler.useHeartbeats exponentiation.threshold diagnostics smartUnfolding"
    " profiler push_neg.use_distrib warningAsError checkBinderAnnotations quotPrecheck grind.warning Nat.pow.threshold"
)
"""Options that a text may set. An entry that ends in a dot stands for all options below it. All other options are
refused, above all `debug.skipKernelTC` and the options that hide `sorry`; so is an option whose value is a string,
because such options name files (`aesop.stats.file`, `trace.profiler.output`)."""

REFUSED_OPTIONS = ("trace.profiler.",)
"""Options that are refused although they are below an entry of `ALLOWED_OPTIONS`: they write files or open a server.
An entry of `ALLOWED_OPTIONS` for one of them in full still counts."""

ALLOWED_ATTRIBUTES = _set(
    "simp simps ext norm_cast push_cast elim_cast move_cast squash_cast refl rfl symm trans subst congr gcongr aesop"
    " grind mono fun_prop reducible irreducible semireducible inline noinline always_inline specialize instance class"
    " elab_as_elim coe default_instance to_additive measurability continuity field_simps mfld_simps inherit_doc nolint"
    " deprecated match_pattern mk_iff simps! to_additive! to_additive? to_dual pp_nodot elab_without_expected_type"
    " induction_eliminator cases_eliminator bound nontriviality elementwise reassoc expose implicit_reducible"
    " instance_reducible grind! grind? zify_simps qify_simps rify_simps push push_neg pull parity_simps functor_norm"
    " monad_norm integral_simps ext_iff wf_preprocess partial_fixpoint_monotone to_app stacks kerodon"
    " pp_with_univ pp_using_anonymous_constructor nospecialize defeq protected category AMS formal_proof"
    " conditional spec"
)
"""Attributes that a text may use; all others are refused, above all those that replace code (`extern`, `csimp`,
`implemented_by`, `export`, `init`) and those that run code (`tactic`, `command_elab`, `macro`, `simproc`)."""

CORE_CLASSES = _set(
    "Add Sub Mul Div Mod Neg Inv Pow SMul HAdd HSub HMul HDiv HMod HPow HSMul Monoid Semiring Ring CommRing Field OfNat"
    " NatCast IntCast LE LT HasSubset Membership Zero One BEq Ord Dvd Min Max Append Union Inter Bot Top Sup Inf"
    " Coe CoeT CoeTail CoeHead CoeOut CoeDep CoeFun CoeSort CoeHTCT"
)
"""Classes that give numerals, operators, relations and coercions their meaning."""

CORE_TYPES = _set("Nat ℕ Int ℤ Rat ℚ Real ℝ Complex ℂ Bool Prop Fin ZMod List Set Finset String Char True Type Sort")
"""Types on which a new instance of one of `CORE_CLASSES` would change what a statement seems to say. Such an instance
cannot change what the farm checks, because the statement is elaborated before the text. It is refused so that no reader
is misled."""

PARSERS = _set(
    "term tactic tacticSeq conv convSeq ident num str char scientific binderIdent hole level prio prec ppSpace colGt"
    " colGe noWs ws many many1 optional sepBy sepBy1 allowTrailingSep"
)
"""Names of Lean's own parsers that a macro may use."""

CONFIGURATIONS = _set("config simp_config simp_options options")
"""Names of a tactic's whole configuration, as in `simp (config := …)`."""

CONFIGURED_BY_FUNCTIONS = _set("solve_by_elim apply_rules apply_assumption linarith nlinarith")
"""Tactics whose configurations hold functions that run while Lean elaborates."""

CONFIGURED = _set(
    "simp simp_all dsimp simpa simp_arith simp_all_arith norm_num norm_num1 push_cast norm_cast exact_mod_cast"
    " field_simp simp_rw rw rewrite erw rwa nth_rewrite nth_rw apply grind omega ring_nf ring1_nf abel_nf ac_nf aesop"
    " convert convert_to fun_prop tauto itauto cbv mvcgen mvcgen_no_trivial bv_normalize bv_omega generalize_proofs"
    " lift_lets extract_lets fconstructor lia cutsat grobner push_neg simps measurability zify qify rify"
)
"""Other tactics and attributes that take a configuration, as in `simp (maxSteps := 5)`. Words that are as likely to be
functions (`decide`, `congr`, `order`) are left out: a configuration of theirs can only take long, not reach Lean's
state, because it holds no functions."""

FUNCTION_FIELDS = _set("proc suspend discharge discharger preprocessors oracle restrict_type")
"""Fields of configurations that hold functions, or types; of these, only an oracle may be given (`ORACLES`)."""

ORACLES = _set("fourierMotzkin simplexAlgorithmSparse simplexAlgorithmDense")
"""The oracles of `linarith`, which may follow `oracle := .`."""

TACTIC_FIELDS = _set("disch discharger norm rule_sets index pattern immediate attr")
"""Fields whose value is not a term that Lean runs, but a tactic, as in `field_simp (disch := assumption)`, or a part of
an attribute or an aesop rule, as in `@[aesop safe apply (rule_sets := [Sets])]` and `@[simps (attr := simp)]`."""

CONSTANTS = _set(
    "true false Bool.true Bool.false some none .true .false .some .none .all .default .reducible .instances .implicit"
    " .pos .neg .raw .SOP .simp .asFn .lemmasOnly .ground .unfoldSameFun .nonDependentFirst .nonDependentOnly"
    " .notClasses .bestFirst .depthFirst .breadthFirst .proofs Occurrences.pos Occurrences.neg"
    " reducible default instances all"
)
"""Names that a configuration may consist of."""
