-- row: 16
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
open Lean in
run_cmd do
  let env ← getEnv
  modifyEnv fun _ => env.addDeclWithoutChecking default
theorem target : 1 + 1 = 3 := by decide
