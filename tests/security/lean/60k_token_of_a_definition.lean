-- row: 60
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: Lean takes `foo` for a parser, so `+/-` becomes a token, and what looks like a comment is code
macro "yy" : tactic => `(tactic| rfl)

def foo := [.symbol "+/-", tacticYy].head!

macro "zz" x:foo : tactic => `(tactic| rfl)

theorem u : 1 = 1 := by zz +/-
axiom cheat : 1 + 1 = 3
-- -/
theorem target : 1 + 1 = 3 := cheat
