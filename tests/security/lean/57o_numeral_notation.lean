-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
notation "3" => 2
theorem target : 1 + 1 = 3 := rfl
