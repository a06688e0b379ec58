namespace LeanFarm
open Lean Lean.Elab Lean.Elab.Command Lean.Meta

/-- A library's function if this Lean has one of that name, otherwise our own. -/
macro "leanfarm_either " one:ident other:ident : term => do
  if (← Lean.Macro.hasDecl one.getId) then `($one:ident) else `($other:ident)

/-- No options of the submission, and no limits: the farm has its own deadline. -/
def noOptions : Options :=
  (leanfarm_either Lean.maxHeartbeats Lean.Core.maxHeartbeats).set {} 0

def inOwnTerms {α : Type} (act : CoreM α) : CommandElabM α :=
  liftCoreM <| withReader
    (fun (context : Core.Context) =>
      { context with options := noOptions, maxRecDepth := 10000, maxHeartbeats := 0 }) act

/-- Answer in JSON, under a secret that tells the farm which of Lean's messages is its own. -/
def say (secret : String) (fields : List (String × Json)) : CommandElabM Unit :=
  logInfo (toString (Json.compress (Json.mkObj (("leanfarm", Json.str secret) :: fields))))

def valueOf : ConstantInfo → Option Expr
  | ConstantInfo.defnInfo each => some each.value
  | ConstantInfo.thmInfo each => some each.value
  | ConstantInfo.opaqueInfo each => some each.value
  | _ => none

def usedBy (info : ConstantInfo) : Array Name :=
  let ofType := info.type.getUsedConstants
  match info, valueOf info with
  | _, some value => ofType ++ value.getUsedConstants
  | ConstantInfo.inductInfo each, none => ofType ++ each.ctors.toArray
  | _, none => ofType

/-- For a Lean without `Lean.collectAxioms`. -/
partial def collect (environment : Environment) (seen : NameSet × Array Name) (name : Name) : NameSet × Array Name :=
  if seen.1.contains name then seen else
  let seen := (seen.1.insert name, seen.2)
  match environment.find? name with
  | some (ConstantInfo.axiomInfo _) => (seen.1, seen.2.push name)
  | some info => (usedBy info).foldl (collect environment) seen
  | none => seen

def collectFrom (name : Name) : CoreM (Array Name) := do
  return (collect (← getEnv) ({}, #[]) name).2

def axiomsOf (name : Name) : CoreM (Array Name) :=
  (leanfarm_either Lean.collectAxioms LeanFarm.collectFrom) name

def names (found : List Name) : Json :=
  Json.arr (found.map fun each => Json.str (toString each)).toArray

/-- A term with some constants under other names. -/
def renamed (pairs : List (Name × Name)) (term : Expr) : Expr :=
  term.replace fun each =>
    if each.isConst then (pairs.lookup each.constName!).map fun name => mkConst name each.constLevels! else none

/-- A term without the definitions that only a later environment has, such as those that Lean makes of a `match`, or
those that come after a hole. Each is replaced by its value; the constants in `but` stay. -/
partial def inlined (before after : Environment) (but : List (Name × Name)) (term : Expr) : Expr :=
  let replacement (name : Name) (levels : List Level) : Option Expr :=
    if before.contains name || (but.lookup name).isSome then none else
    match after.find? name with
    | some (ConstantInfo.defnInfo each) =>
      some (inlined before after but (each.value.instantiateLevelParams each.levelParams levels))
    | some (ConstantInfo.thmInfo each) =>
      some (inlined before after but (each.value.instantiateLevelParams each.levelParams levels))
    | _ => none
  term.replace fun each => if each.isConst then replacement each.constName! each.constLevels! else none

def keepDefinition (name : Name) (levels : List Name) (type value : Expr) : CoreM Unit :=
  addDecl <| Declaration.defnDecl {
    name := name, levelParams := levels, type := type, value := value,
    hints := ReducibilityHints.abbrev, safety := DefinitionSafety.safe }

/-- Put an axiom in the place of a hole, so that propositions can mention it. Nothing is proved from it. -/
def keepHole (before after : Environment) (pairs : List (Name × Name)) (hole : Name × Name) : CoreM Bool := do
  match after.find? hole.1 with
  | some (ConstantInfo.defnInfo found) =>
    if !found.levelParams.isEmpty then return false
    addDecl <| Declaration.axiomDecl {
      name := hole.2, levelParams := [], type := renamed pairs (inlined before after pairs found.type),
      isUnsafe := false }
    return true
  | _ => return false

def keepTarget (before after : Environment) (pairs : List (Name × Name)) (target : Name × Name) :
    CoreM (Option (List Name)) := do
  match after.find? target.1 with
  | some (ConstantInfo.thmInfo found) =>
    let type := renamed pairs (inlined before after pairs found.type)
    keepDefinition target.2 found.levelParams (mkSort levelZero) type
    return some (← axiomsOf target.2).toList
  | _ => return none

/-- Elaborate declarations without value or proof, and keep only their propositions and holes. -/
def keep (secret : String) (targets holes : List (Name × Name)) (declarations : Syntax) : CommandElabM Unit := do
  let before ← getEnv
  let scopes := (← get).scopes
  elabCommand declarations
  let after ← getEnv
  setEnv before
  modify fun state => { state with scopes := scopes }
  let areHoles ← inOwnTerms <| holes.mapM fun each => keepHole before after holes each
  let kept ← inOwnTerms <| targets.mapM fun each => keepTarget before after holes each
  let isKept := areHoles.all id && kept.all fun each => each.isSome
  let axioms := kept.foldl (fun (found : List Name) each => found ++ each.getD []) ([] : List Name)
  let axioms := axioms.filter fun each => !(holes.any fun hole => hole.2 == each)
  say secret [("kept", Json.bool isKept), ("axioms", names axioms)]

/-- A plan says what is to be proved and what is to be filled in: `[[[NAME, KEPT], …], [[HOLE, KEPT, ANSWER], …]]`, each
name as the list of its parts. `ANSWER` has no parts if the value of the hole is not prescribed. -/
def partsOf : Json → Array Json
  | Json.arr parts => parts
  | _ => #[]

def nameOf (written : Json) : Name :=
  (partsOf written).foldl (init := Name.anonymous) fun name part =>
    match part with
    | Json.str text => Name.mkStr name text
    | _ => name

def entriesOf (plan : String) (at_ : Nat) : List (Array Json) :=
  match Json.parse plan with
  | Except.ok read => (partsOf ((partsOf read).getD at_ Json.null)).toList.map partsOf
  | Except.error _ => []

def pairsOf (plan : String) (at_ : Nat) : List (Name × Name) :=
  (entriesOf plan at_).map fun entry => (nameOf (entry.getD 0 Json.null), nameOf (entry.getD 1 Json.null))

def answersOf (plan : String) : List Name :=
  (entriesOf plan 1).map fun entry => nameOf (entry.getD 2 Json.null)

def keepFrom (secret plan declarations : Syntax) : CommandElabM Unit := do
  let plan := plan.isStrLit?.getD ""
  keep (secret.isStrLit?.getD "") (pairsOf plan 0) (pairsOf plan 1) declarations

/-- Have the kernel check a declaration, then forget the declaration. -/
def kernelTakes (declaration : Declaration) : CoreM Unit := do
  let before ← getEnv
  addDecl declaration
  setEnv before

/-- Have the kernel check again all that a constant rests on, except imports: an option may have skipped the check. -/
partial def replay (scratch : Name) (seen : NameSet) (name : Name) : CoreM NameSet := do
  let environment ← getEnv
  if seen.contains name || (environment.getModuleIdxFor? name).isSome then return seen
  match environment.find? name with
  | none => throwError "unknown constant"
  | some info =>
    let mut seen := seen.insert name
    for each in usedBy info do
      seen ← replay scratch seen each
    match valueOf info with
    | none => pure ()
    | some value => kernelTakes <| Declaration.defnDecl {
        name := scratch, levelParams := info.levelParams, type := info.type, value := value,
        hints := ReducibilityHints.opaque, safety := DefinitionSafety.safe }
    return seen

/-- The proposition that was kept, with the submission's own values in the place of holes. -/
def propositionOf (holes : List (Name × Name)) (stated : ConstantInfo) : Expr :=
  renamed (holes.map fun each => (each.2, each.1)) ((valueOf stated).getD stated.type)

def prove (scratch : Name) (levels : List Name) (proposition : Expr) (found : ConstantInfo) (at_ : List Level) :
    CoreM Unit :=
  kernelTakes <| Declaration.thmDecl {
    name := scratch, levelParams := levels, type := proposition, value := mkConst found.name at_ }

/-- The universe levels with which a theorem proves a proposition, whose universes may have other names. -/
def levelsFor (proposition : Expr) (found : ConstantInfo) : CoreM (List Level) := Meta.MetaM.run' do
  let levels ← Meta.mkFreshLevelMVars found.levelParams.length
  discard <| Meta.isDefEq (found.type.instantiateLevelParams found.levelParams levels) proposition
  return (← instantiateMVars (mkConst found.name levels)).constLevels!

def succeeds (act : CoreM Unit) : CoreM Bool := do
  try
    act
    return true
  catch _ =>
    return false

def shown (type : Expr) : CoreM String := do
  try
    return toString (← Meta.MetaM.run' (Meta.ppExpr type))
  catch _ =>
    return "?"

/-- Why a theorem does not prove a proposition; empty if it does. -/
def fault (scratch : Name) (levels : List Name) (proposition : Expr) (found : ConstantInfo) : CoreM String := do
  let inOrder := prove scratch levels proposition found (levels.map mkLevelParam)
  let unified : CoreM Unit := do prove scratch levels proposition found (← levelsFor proposition found)
  unless (← succeeds inOrder) || (← succeeds unified) do
    return s!"it proves\n  {← shown found.type}\nand not\n  {← shown proposition}"
  if (← succeeds (discard <| replay scratch {} found.name)) then
    return ""
  return "Lean's kernel does not take it, or something that it rests on, when it is asked again"

def kindOf : ConstantInfo → String
  | ConstantInfo.thmInfo _ => "theorem"
  | ConstantInfo.defnInfo _ => "def"
  | ConstantInfo.axiomInfo _ => "axiom"
  | ConstantInfo.opaqueInfo _ => "opaque"
  | ConstantInfo.inductInfo _ => "inductive"
  | ConstantInfo.ctorInfo _ => "constructor"
  | _ => "recursor"

/-- Declarations of the submission whose names end in the missing name: private ones, or ones in a namespace. -/
def twinsOf (name : Name) : CoreM (List Name) := do
  let own := (← getEnv).constants.foldStage2 (fun (found : List Name) each _ => each :: found) []
  return own.filter fun each => name.isSuffixOf ((privateToUserName? each).getD each)

def missing (name : Name) : CoreM Json := do
  return Json.mkObj [("twins", names (← twinsOf name))]

/-- Look in the environment for a theorem that proves the proposition that was kept. -/
def lookAt (scratch : Name) (holes : List (Name × Name)) (target : Name × Name) : CoreM Json := do
  let environment ← getEnv
  match environment.find? target.2, environment.find? target.1 with
  | none, _ => return Json.null
  | some _, none => missing target.1
  | some stated, some found =>
    let kind := ("kind", Json.str (kindOf found))
    if kindOf found != "theorem" then
      return Json.mkObj [kind]
    let why := Json.str (← fault scratch stated.levelParams (propositionOf holes stated) found)
    return Json.mkObj [kind, ("fault", why), ("axioms", names (← axiomsOf found.name).toList)]

/-- Whether the kernel accepts that two values of a type are equal by `rfl`. -/
def areOne (scratch : Name) (type one other : Expr) : CoreM Bool := do
  let level ← Meta.MetaM.run' (Meta.getLevel type)
  succeeds <| kernelTakes <| Declaration.thmDecl {
    name := scratch, levelParams := [], type := mkAppN (mkConst `Eq [level]) #[type, one, other]
    value := mkAppN (mkConst `Eq.refl [level]) #[type, one] }

/-- Look for the value that a submission gives to a hole. The answer that came with the proof is kept as `answer`, which
is anonymous if none came. -/
def lookInto (scratch : Name) (holes : List (Name × Name)) (hole : Name × Name) (answer : Name) : CoreM Json := do
  let environment ← getEnv
  if !(answer.isAnonymous || environment.contains answer) then return Json.null
  match environment.find? hole.2, environment.find? hole.1 with
  | none, _ => return Json.null
  | some _, none => missing hole.1
  | some kept, some found =>
    let type := renamed (holes.map fun each => (each.2, each.1)) kept.type
    let value := mkConst hole.1 []
    let fits ← succeeds <| kernelTakes <| Declaration.defnDecl {
      name := scratch, levelParams := [], type := type, value := value,
      hints := ReducibilityHints.opaque, safety := DefinitionSafety.safe }
    let isAnswer ← if answer.isAnonymous then pure true else areOne scratch type value (mkConst answer [])
    let text ← shown ((valueOf found).getD value)
    return Json.mkObj [
      ("kind", Json.str (kindOf found)), ("fits", Json.bool fits), ("answer", Json.bool isAnswer),
      ("value", Json.str text), ("axioms", names (← axiomsOf found.name).toList)]

def look (secret plan : String) : CommandElabM Unit := do
  let scratch := Name.mkSimple ("scratch_" ++ secret)
  let (targets, holes) := (pairsOf plan 0, pairsOf plan 1)
  let seen ← inOwnTerms <| targets.mapM fun each => lookAt scratch holes each
  let values ← inOwnTerms <| (holes.zip (answersOf plan)).mapM fun each => lookInto scratch holes each.1 each.2
  say secret [("targets", Json.arr seen.toArray), ("holes", Json.arr values.toArray)]

elab "leanfarm_then " one:command other:command : command => do
  elabCommand one
  elabCommand other

elab "leanfarm_keep " secret:str plan:str declarations:command : command =>
  LeanFarm.keepFrom secret plan declarations

end LeanFarm
