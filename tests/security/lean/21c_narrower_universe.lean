-- row: 21
-- statement: theorem target.{u} (α : Type u) (x : α) : x = x
-- expect: statement
theorem target (α : Type) (x : α) : x = x := rfl
