-- row: 8
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
def f (x : Nat) := {y : Nat //- axiom -/ 1 - y = x}
axiom cheat : False
theorem target : 1 + 1 = 3 := cheat.elim
