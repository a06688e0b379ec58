// Finds the first error or sorry in a judged text, and chooses how much of Lean's output a page shows.

// Lean reports these errors in a place where an earlier error left a gap. So they are consequences, not causes.
const CONSEQUENCES = /^(?:cannot evaluate (?:code because it uses 'sorry'|expression that depends on the `sorry` axiom)|aborting evaluation since the expression depends on the 'sorry' axiom)/;

// A page that shows more text than this takes seconds to draw, and nobody reads it there.
const SHOWN_CHARS = 256 * 1024;

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

/** Return what Lean said as plain text: each message and sorry with its place. */
export function written({ messages, sorries }) {
  const said = [...messages, ...sorries.map(({ goal, ...place }) => ({ severity: "sorry", data: goal, ...place }))];
  return said.map(({ severity, pos, data }) => `${severity}${pos ? ` at line ${pos.line}, column ${pos.column}` : ""}:\n${data}\n`).join("\n");
}

/** Return a verdict with only the messages and sorries that a page shows, errors first, and whether any were cut. */
export function shortened(verdict) {
  let left = SHOWN_CHARS;
  function cut(text) {
    const part = text.slice(0, left);
    left -= text.length;
    return left < 0 ? `${part}…` : part;
  }
  const keep = (said, field) => said.flatMap((each) => (left > 0 ? [{ ...each, [field]: cut(each[field]) }] : []));
  const isError = ({ severity }) => severity === "error";
  const messages = [...verdict.messages.filter(isError), ...verdict.messages.filter((each) => !isError(each))];
  const shown = { ...verdict, messages: keep(messages, "data"), sorries: keep(verdict.sorries, "goal") };
  return left < 0 ? { shown, isCut: true } : { shown: verdict, isCut: false };
}
