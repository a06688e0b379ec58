namespace LeanFarm
open Lean Lean.Elab Lean.Elab.Command Lean.Meta

/-- The first of two names that exists: a library's function where this Lean has it, else our own. -/
macro "leanfarm_either " one:ident other:ident : term => do
  if (← Lean.Macro.hasDecl one.getId) then `($one:ident) else `($other:ident)

/-- No option of the submission, and no limit but the farm's own deadline. -/
def noOptions : Options :=
  (leanfarm_either Lean.maxHeartbeats Lean.Core.maxHeartbeats).set {} 0

def inOwnTerms (act : CoreM α) : CommandElabM α :=
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

/-- Elaborate a theorem without proof, and leave nothing behind but its proposition, as the value of `stated`. -/
def keep (secret : String) (stated name : Name) (command : Syntax) : CommandElabM Unit := do
  let before ← getEnv
  elabCommand command
  let after ← getEnv
  setEnv before
  match after.find? name with
  | some (ConstantInfo.thmInfo found) =>
    inOwnTerms <| addDecl <| Declaration.defnDecl {
      name := stated, levelParams := found.levelParams, type := mkSort levelZero, value := found.type,
      hints := ReducibilityHints.abbrev, safety := DefinitionSafety.safe }
    say secret [("kept", Json.bool true), ("axioms", names (← inOwnTerms (axiomsOf stated)).toList)]
  | _ => say secret [("kept", Json.bool false)]

def keepFrom (secret stated name command : Syntax) : CommandElabM Unit :=
  keep (secret.isStrLit?.getD "") stated.getId name.getId command

/-- Have the kernel check a declaration, and forget it. -/
def kernelTakes (declaration : Declaration) : CoreM Unit := do
  let before ← getEnv
  addDecl declaration
  setEnv before

/-- Have the kernel check again what a constant rests on that no import brought: an option may have kept it away. -/
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

def prove (scratch : Name) (stated found : ConstantInfo) (levels : List Level) : CoreM Unit :=
  kernelTakes <| Declaration.thmDecl {
    name := scratch, levelParams := stated.levelParams
    type := mkConst stated.name (stated.levelParams.map mkLevelParam)
    value := mkConst found.name levels }

/-- The universes at which a theorem proves a proposition that names them otherwise. -/
def levelsFor (stated found : ConstantInfo) : CoreM (List Level) := Meta.MetaM.run' do
  let levels ← Meta.mkFreshLevelMVars found.levelParams.length
  let wanted := mkConst stated.name (stated.levelParams.map mkLevelParam)
  discard <| Meta.isDefEq (found.type.instantiateLevelParams found.levelParams levels) wanted
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
def fault (scratch : Name) (stated found : ConstantInfo) : CoreM String := do
  let inOrder := prove scratch stated found (stated.levelParams.map mkLevelParam)
  let unified := do prove scratch stated found (← levelsFor stated found)
  unless (← succeeds inOrder) || (← succeeds unified) do
    return s!"it proves\n  {← shown found.type}\nand not\n  {← shown ((valueOf stated).getD found.type)}"
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

/-- What the submission declared whose name ends as the one that is missing: private, or in a namespace. -/
def twinsOf (name : Name) : CoreM (List Name) := do
  let own := (← getEnv).constants.foldStage2 (fun (found : List Name) each _ => each :: found) []
  return own.filter fun each => name.isSuffixOf ((privateToUserName? each).getD each)

/-- Look at the environment for a theorem `name` of the proposition `stated`. -/
def look (scratch stated name : Name) : CoreM Json := do
  let environment ← getEnv
  match environment.find? stated, environment.find? name with
  | none, _ => return Json.null
  | some _, none => return Json.mkObj [("twins", names (← twinsOf name))]
  | some proposition, some found =>
    let kind := ("kind", Json.str (kindOf found))
    if kindOf found != "theorem" then
      return Json.mkObj [kind]
    let why := Json.str (← fault scratch proposition found)
    return Json.mkObj [kind, ("fault", why), ("axioms", names (← axiomsOf name).toList)]

def lookFor (secret : String) (targets : List (Name × Name)) : CommandElabM Unit := do
  let scratch := Name.mkSimple ("scratch_" ++ secret)
  let found ← inOwnTerms <| targets.mapM fun (stated, name) => look scratch stated name
  say secret [("targets", Json.arr found.toArray)]

elab "leanfarm_keep " secret:str stated:ident name:ident command:command : command =>
  LeanFarm.keepFrom secret stated name command

end LeanFarm
