// HTTP: the farm's own routes, with the key of this tab.

const BASE = new URL("../../", import.meta.url);
const KEY = "leanfarm-key";
const PATIENCE_S = 1;
// A stream sends a line at least every 15 s, and other requests are answered at once. If nothing comes for this long,
// the connection hangs, although nobody closed it (a proxy stalled, a laptop slept).
const SILENCE_S = 40;

/** Events of the connection: `up`, `down` (detail: a sentence) and `key` (detail: why a key is asked for). */
export const connection = new EventTarget();

/** A request that failed. `isTransient`: the same request may succeed later. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfter_s = PATIENCE_S) {
    super(message);
    Object.assign(this, { status, code, retryAfter_s });
  }

  get isTransient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The key in use; to forget the key, set this to the empty text. */
export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

function tell(type, detail) {
  connection.dispatchEvent(new CustomEvent(type, { detail }));
}

function headers(body, accept) {
  const sent = { Accept: accept };
  if (key.get()) sent.Authorization = `Bearer ${key.get()}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  return sent;
}

async function failure(response) {
  const { code = "", message = response.statusText } = (await response.json().catch(() => ({}))).error ?? {};
  if (response.status === 401) tell("key", key.get() ? "The farm does not know this key." : "This farm asks for a key.");
  if (response.status >= 500) tell("down", `The farm cannot answer: ${message}`);
  return new ApiError(response.status, code, message, Number(response.headers.get("Retry-After")) || PATIENCE_S);
}

function unreachable(error, signal) {
  if (signal?.aborted || (error instanceof ApiError && error.code !== "silent")) return error;
  const message = "The farm does not answer; this page keeps trying.";
  tell("down", message);
  return new ApiError(0, "unreachable", message);
}

/** Return a signal that also aborts after a long silence. Call `heard` when something arrives, and `end` at the end. */
function listen(signal) {
  const silence = new AbortController();
  const giveUp = () => silence.abort(new ApiError(0, "silent", `Nothing came from the farm for ${SILENCE_S} s.`));
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, SILENCE_S * 1000);
  };
  heard();
  return { signal: AbortSignal.any([silence.signal, ...(signal ? [signal] : [])]), heard, end: () => clearTimeout(timer) };
}

async function send(path, { body, signal, method = body === undefined ? "GET" : "POST", accept = "application/json" } = {}) {
  const request = { method, headers: headers(body, accept), body: body && JSON.stringify(body), signal };
  const response = await fetch(new URL(path, BASE), request);
  if (!response.ok) throw await failure(response);
  tell("up");
  return response;
}

/** Return the JSON that a route answers with; if there is a body, the body is posted. Throws ApiError. */
export async function ask(path, options = {}) {
  // A posted request may take as long as its proof; all others are answered at once.
  const ears = options.body === undefined ? listen(options.signal) : null;
  try {
    return await (await send(path, { ...options, signal: ears?.signal ?? options.signal })).json();
  } catch (error) {
    throw unreachable(error, options.signal);
  } finally {
    ears?.end();
  }
}

/** Return a file that the farm makes while sending it. A complete file ends in `end`. Throws ApiError. */
export async function file(path, { end, ...options }) {
  try {
    const found = await (await send(path, options)).blob();
    if ((await found.slice(-end.length).text()) === end) return found;
  } catch (error) {
    throw unreachable(error, options.signal);
  }
  throw new ApiError(503, "incomplete", "The file broke off before its end, and nothing was saved: try again.");
}

/** Yield an NDJSON answer's objects, those that arrived together in one list. Throws ApiError (`silent` if it hangs). */
export async function* lines(path, options) {
  const ears = listen(options.signal);
  try {
    const response = await send(path, { ...options, signal: ears.signal, accept: "application/x-ndjson" });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      ears.heard();
      const found = (rest + part.value).split("\n");
      rest = found.pop();
      yield found.filter(Boolean).map((line) => JSON.parse(line));
    }
  } catch (error) {
    // If only this stream hangs, other requests may still be answered. So this is not shown as a lost connection.
    throw error.code === "silent" ? error : unreachable(error, options.signal);
  } finally {
    ears.end();
  }
}

/** Wait this many seconds, or until the signal is aborted. */
export function sleep(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/**
 * Call `look` again and again, until the signal is aborted. `look` returns the seconds to wait before the next call, or
 * undefined to end the calls. After a transient error, `look` is called again; every other error is thrown.
 */
export async function poll(signal, look) {
  let pause_s = 0;
  while (!signal.aborted && pause_s !== undefined) {
    try {
      pause_s = await look();
    } catch (error) {
      if (signal.aborted) return;
      if (!error.isTransient) throw error;
      pause_s = error.retryAfter_s;
    }
    // A hidden tab waits longer.
    if (pause_s !== undefined) await sleep(document.hidden ? pause_s * 5 : pause_s, signal);
  }
}
