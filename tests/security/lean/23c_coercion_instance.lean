-- row: 23
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
-- why: a global instance stays in scope, and cannot give a proof that there is not
inductive Odd' : Prop where
  | yes
instance : CoeDep True trivial Odd' := ⟨.yes⟩
theorem target : True := trivial
