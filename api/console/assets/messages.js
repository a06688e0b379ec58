// Finds the first thing that is wrong in a judged text.

// Lean reports these errors in a place where an earlier error left a gap. So they are consequences, not causes.
const CONSEQUENCES = /^(?:cannot evaluate (?:code because it uses 'sorry'|expression that depends on the `sorry` axiom)|aborting evaluation since the expression depends on the 'sorry' axiom)/;

const before = (a, b) => a.pos.line - b.pos.line || a.pos.column - b.pos.column;
const placed = (some) => some.filter(({ pos }) => pos).sort(before);

/**
 * Return the first error in the order of the text that is not a consequence of another error. If all are consequences,
 * return the first of them; if no error has a place, return undefined.
 */
export function firstError({ messages }) {
  const errors = placed(messages.filter(({ severity }) => severity === "error"));
  return errors.find(({ data }) => !CONSEQUENCES.test(data)) ?? errors[0];
}

/** Return what a person should see first: the first error with a place, else the first sorry; null if there is none. */
export function firstWrong({ messages, sorries }) {
  const error = firstError({ messages });
  const [sorry] = placed(sorries);
  return error ?? (sorry ? { ...sorry, severity: "sorry", data: `Goal left open:\n${sorry.goal}` } : null);
}
