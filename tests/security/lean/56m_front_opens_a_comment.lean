-- row: 56
-- statement: def two : Nat := 2 -- /-\ntheorem target : two = 3
-- expect: statement
def two : Nat := 3 -- /-
theorem target : two = 3 := rfl
