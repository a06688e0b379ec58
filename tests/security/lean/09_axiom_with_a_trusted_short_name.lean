-- row: 9
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
namespace N
axiom propext : False
end N
open N
theorem target : 1 + 1 = 3 := N.propext.elim
