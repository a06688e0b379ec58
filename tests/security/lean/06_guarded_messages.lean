-- row: 6
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
#guard_msgs (drop error) in
theorem target : 1 + 1 = 3 := by decide
