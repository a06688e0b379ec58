-- row: 56
-- statement: variable (n : Nat) (h : n = 0)\ntheorem target : n = 0 ∧ n = 1
-- expect: statement
-- scripted: -
-- why: what Lean makes of it, a script cannot know
variable (n : Nat) (h : n = 0 ∧ n = 1)
theorem target : n = 0 ∧ n = 1 := h
