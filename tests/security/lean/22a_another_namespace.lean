-- row: 22
-- statement: theorem target : 1 + 1 = 2
-- expect: missing
namespace N
theorem target : 1 + 1 = 2 := rfl
end N
