-- row: 34
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : 1 + 1 = 3 := by
  have := s!"{by native_decide}"
  decide
