-- row: 57
-- statement: theorem target : (2 : Nat) = 3
-- expect: policy
local instance : OfNat Nat 3 := ⟨2⟩
theorem target : (2 : Nat) = 3 := rfl
