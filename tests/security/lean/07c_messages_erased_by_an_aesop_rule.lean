-- row: 7
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: aesop takes a definition for a tactic if its type allows that, also where other tactics pass rules on to it
def f : type_of% Mathlib.Tactic.Tauto.tautology := fun tc ts ec es mc ms cc cs => do
  cs.modify fun s => { s with messages := {} }
theorem target : 1 + 1 = 3 := by arith_mult (add safe [f, apply trivial])
