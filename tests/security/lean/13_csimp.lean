-- row: 13
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
@[csimp] theorem fast : @Nat.add = @Nat.mul := by sorry
theorem target : 1 + 1 = 3 := by native_decide
