-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : True := trivial
macro_rules | `(theorem $n:declId : $t := $v) => `(def $n:declId : True := trivial)
