-- row: 8
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
axiom cheat : False
theorem target : 1 + 1 = 3 := cheat.elim
