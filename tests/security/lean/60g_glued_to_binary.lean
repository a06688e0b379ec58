-- row: 60
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : True := trivial
def b := 0b1axiom cheat : False
