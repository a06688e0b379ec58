// The farm counts times in spans, such as 10 to 30 s: here the counts of several minutes become one figure.

/**
 * Return the upper end, in seconds, of the span that holds a quantile of the times in some minutes (`share` 0.5: the
 * median); Infinity if that span has no upper end, and null if no proof was counted. `field` names a minute's counts.
 */
export function endOf(minutes, field, share) {
  const counts = new Map();
  for (const minute of minutes) for (const [end, by] of Object.entries(minute[field] ?? {})) counts.set(end, (counts.get(end) ?? 0) + by);
  const spans = [...counts].map(([end, by]) => [end === "+Inf" ? Infinity : Number(end), by]).sort(([a], [b]) => a - b);
  let left = share * spans.reduce((total, [, by]) => total + by, 0);
  return spans.find(([, by]) => (left -= by) <= 0)?.[0] ?? null;
}

/** Return the span with this upper end, in words: `10 to 30 s`. `ends` are the upper ends of all spans, in order. */
export function inWords(end, ends) {
  if (end === Infinity) return `more than ${ends.at(-1)} s`;
  return `${ends[ends.indexOf(end) - 1] ?? 0} to ${end} s`;
}
