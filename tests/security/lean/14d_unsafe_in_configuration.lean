-- row: 14
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: an unsafe definition that nothing names may stand beside a proof; the value of a configuration is run
unsafe def forged {α : Type} : α := cast lcProof 7
theorem target : 1 + 1 = 3 := by simp (config := forged)
