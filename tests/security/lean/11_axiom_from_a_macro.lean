-- row: 11
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
macro "cheat!" : command => `(axiom cheat : False)
cheat!
theorem target : 1 + 1 = 3 := cheat.elim
