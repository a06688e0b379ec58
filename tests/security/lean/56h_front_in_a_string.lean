-- row: 56
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: statement
def s := "namespace A def two : Nat := 2"
namespace A
def two : Nat := 3
theorem target : two = 3 := rfl
end A
