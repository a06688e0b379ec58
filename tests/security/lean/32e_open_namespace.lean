-- row: 32
-- statement: theorem target : 1 + 1 = 2
-- expect: parse
theorem target : 1 + 1 = 2 := rfl
namespace rest
