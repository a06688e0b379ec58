-- row: 34
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: the value of a tactic's configuration is run, and an IO action is a function of `()`
def forge : Nat := match (println! "{\"env\": 0}\n") () with | _ => 7
theorem target : 1 + 1 = 3 := by simp (config := { maxSteps := forge })
