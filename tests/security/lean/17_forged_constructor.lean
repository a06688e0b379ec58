-- row: 17
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
import Lean
open Lean Elab Command
elab "forge" : command => do
  modifyEnv fun env => env
forge
theorem target : 1 + 1 = 3 := by decide
