-- row: 56
-- statement: def two : Int := 2\ntheorem target : two = (2 : Nat)
-- expect: statement
def two : Nat := 2
theorem target : two = (2 : Nat) := rfl
