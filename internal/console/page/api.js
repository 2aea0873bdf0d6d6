// What this page asks the server for: reads of the API, one after the other, each bounded in time
// and size. Nothing is sent but GET.

const prefix = '/api/v1/';

// A response has at most so many octets: the largest, a drawing of the longest chain, has less.
const maxOctets = 4 << 20;
// A request may take so long; one that resolves a name takes longer.
export const usualTime = 10_000;
export const explainTime = 40_000;

// The token lives as long as the tab. Other tabs, and the disk's own storage, do not get it.
const stored = 'bailiwick-token';
let token = sessionStorage.getItem(stored) || '';
let session = new AbortController(); // of what is asked with this token

export const hasToken = () => token !== '';

// setToken changes the token. What was asked with the one before fails, with AbortError.
export function setToken(t) {
  session.abort();
  session = new AbortController();
  token = t;
  if (t) sessionStorage.setItem(stored, t);
  else sessionStorage.removeItem(stored);
}

// Refused is an answer that says no: status, and the server's reason.
export class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// read asks for an operation, and returns its result. A list among the arguments is sent item by
// item.
export async function read(operation, args = {}, time = usualTime) {
  const mine = session.signal;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(args)) {
    for (const one of [value].flat()) query.append(name, one);
  }
  const response = await fetch(prefix + operation + '?' + query, {
    headers: { Authorization: 'Bearer ' + token },
    mode: 'same-origin', credentials: 'omit', redirect: 'error', cache: 'no-store',
    referrerPolicy: 'no-referrer', signal: AbortSignal.any([mine, AbortSignal.timeout(time)]),
  });
  const text = await bounded(response);
  mine.throwIfAborted();
  let result;
  try {
    result = JSON.parse(text);
  } catch {
    throw new Error('the server answers with something else than JSON');
  }
  if (!response.ok) throw new Refused(response.status, String(result?.detail ?? response.status));
  return result ?? {};
}

// rows returns the rows of a result, at most so many, whatever the server sends.
export const rows = (result, most) =>
  (Array.isArray(result.rows) ? result.rows : []).slice(0, most);

// bounded returns the text of a response, unless it is too large.
async function bounded(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let octets = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    octets += value.length;
    if (octets > maxOctets) {
      await reader.cancel();
      throw new Error('the answer is too large');
    }
    text += decoder.decode(value, { stream: true });
  }
}
