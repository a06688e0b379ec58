-- row: 26
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
namespace M
def Nat.Even (n : Nat) : Prop := True
theorem _root_.target : Nat.Even 3 := trivial
end M
