-- row: 57
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: statement
namespace A
def A.two : Nat := 3
open A
theorem target : A.two = 3 := rfl
end A
