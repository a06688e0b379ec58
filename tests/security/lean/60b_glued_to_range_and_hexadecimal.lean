-- row: 60
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : True := trivial
def r (a : Nat) := a...0x1macro_rules | `(theorem $n:declId : $t := $v) => `(def $n:declId : True := trivial)
