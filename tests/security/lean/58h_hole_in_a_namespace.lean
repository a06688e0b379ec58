-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: missing
namespace B
abbrev sol : Nat := 2
end B
open B
theorem target : B.sol = 2 := rfl
