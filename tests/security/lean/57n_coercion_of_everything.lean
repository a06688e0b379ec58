-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : True := trivial
instance anything (p : Prop) : Coe True p := ⟨fun _ => by sorry⟩
