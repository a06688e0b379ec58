-- row: 56
-- statement: def one : Nat := 1\ndef two : Nat := 2\ntheorem target : one = two
-- expect: statement
def two : Nat := 2
def one : Nat := two
theorem target : one = two := rfl
