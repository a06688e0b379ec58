-- row: 57
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: statement
-- scripted: -
-- why: what Lean makes of it, a script cannot know
namespace A
local notation "two" => 3
theorem target : two = 3 := rfl
end A
