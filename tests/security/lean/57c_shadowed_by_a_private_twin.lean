-- row: 57
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: statement
namespace A
private def two : Nat := 3
theorem target : two = 3 := rfl
end A
