// What is wrong first in a judged text.

/** Return what a person should see first: the first error with a place, else the first sorry; null if there is none. */
export function firstWrong({ messages, sorries }) {
  const before = (a, b) => a.pos.line - b.pos.line || a.pos.column - b.pos.column;
  const placed = (some) => some.filter(({ pos }) => pos).sort(before);
  const [error] = placed(messages.filter(({ severity }) => severity === "error"));
  const [sorry] = placed(sorries);
  return error ?? (sorry ? { ...sorry, severity: "sorry", data: `Goal left open:\n${sorry.goal}` } : null);
}
