// Examples for the form: the texts of docs/examples, and a proof with a separate statement.

export const EXAMPLES = [
  { name: "A proof that is accepted", code: `import Init

theorem two_and_two : 2 + 2 = 4 := by
  rfl
` },
  { name: "An error", code: `import Init

-- False, so Lean says where and why.
theorem two_and_two_is_five : 2 + 2 = 5 := by
  decide
` },
  { name: "A goal left open (sorry)", code: `import Init

theorem left_open (n : Nat) : n + 0 = n := by
  sorry
` },
  { name: "A search that does not end", code: `import Init

-- Lean never finishes this. Without a time limit, it would hang!
#eval show IO Unit from do repeat pure ()

theorem never_reached : 1 = 1 := rfl
` },
  {
    name: "A statement, and a proof for it",
    code: "by\n  rfl\n",
    statement: "theorem two_and_two : 2 + 2 = 4",
    level: "checked",
  },
];
