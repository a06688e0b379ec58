-- row: 23
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
-- why: left in scope, it makes `example : STATEMENT := @target` true: seen on a real Lean
theorem target : True := trivial
variable [inst : ∀ p : Prop, Coe True p]
