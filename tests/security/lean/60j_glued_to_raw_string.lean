-- row: 60
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : True := trivial
def r := r"\"axiom cheat : False --"
