-- row: 59
-- statement: theorem target : 1 + 1 = 2
-- expect: missing
namespace B
theorem target : 1 + 1 = 2 := rfl
