-- row: 56
-- statement: notation "two" => 2\ntheorem target : two = 3
-- expect: error statement
-- scripted: -
-- why: what Lean makes of it, a script cannot know
notation "two" => 3
theorem target : two = 3 := rfl
