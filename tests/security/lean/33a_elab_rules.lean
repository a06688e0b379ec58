-- row: 33
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
elab_rules : command | `(#print axioms $_) => pure ()
theorem target : 1 + 1 = 3 := by decide
