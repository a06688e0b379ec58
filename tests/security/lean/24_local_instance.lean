-- row: 24
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
local instance : Add Nat := ⟨fun _ _ => 3⟩
theorem target : 1 + 1 = 3 := rfl
