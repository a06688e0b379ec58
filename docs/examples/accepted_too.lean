/- A comment before the imports belongs to the header. -/
import Init

theorem less : 3 < 5 := by
  decide
