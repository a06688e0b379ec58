-- row: 59
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: missing
end A
namespace B.A
def two : Nat := 3
theorem target : two = 3 := rfl
end B.A
