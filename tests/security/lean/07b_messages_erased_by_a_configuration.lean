-- row: 7
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: the functions in a configuration run with the state of the elaboration, and need no name of Lean's
theorem target : 1 + 1 = 3 := by
  solve_by_elim (config := { discharge := fun g mc ms cc cs => do
    cs.modify fun s => { s with messages := {} }
    pure (some []) })
