import Init

theorem left_open (n : Nat) : n + 0 = n := by
  sorry
