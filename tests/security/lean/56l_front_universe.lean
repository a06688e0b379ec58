-- row: 56
-- statement: universe u\ntheorem target (α : Type u) (x : α) : x = x
-- expect: statement
universe v
theorem target (α : Type) (x : α) : x = x := rfl
