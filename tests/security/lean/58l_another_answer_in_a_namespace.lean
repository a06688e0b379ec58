-- row: 58
-- statement: namespace P\nabbrev sol : Nat := sorry\ntheorem target : sol = 1 + 1 := sorry\nend P
-- answers: {"P.sol": "37"}
-- expect: statement
namespace P
abbrev sol : Nat := 1 + 1
theorem target : sol = 1 + 1 := rfl
end P
