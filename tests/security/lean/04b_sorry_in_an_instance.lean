-- row: 4
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry
class Good (p : Prop) : Prop where
  proof : p
instance good : Good (1 + 1 = 3) := ⟨by sorry⟩
theorem target : 1 + 1 = 3 := good.proof
