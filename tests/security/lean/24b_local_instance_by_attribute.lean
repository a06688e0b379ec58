-- row: 24
-- statement: theorem target : 1 + 1 = 3
-- expect: statement error
-- why: `attribute [local instance]` is common in Mathlib; the statement was elaborated before it
def other : Add Nat := ⟨fun _ _ => 3⟩
attribute [local instance] other
theorem target : 1 + 1 = 3 := rfl
