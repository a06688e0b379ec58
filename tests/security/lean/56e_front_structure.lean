-- row: 56
-- statement: structure P where\n  x : Nat\n  h : x = 1\ntheorem target : ∀ p : P, p.x = 2
-- expect: statement
structure P where
  x : Nat
  h : x = 2
theorem target : ∀ p : P, p.x = 2 := fun p => p.h
