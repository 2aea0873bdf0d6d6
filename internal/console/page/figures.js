// Rates from counters: the samples of the last five minutes, and the differences between them.

// metrics are those that this page asks for; the labels of each have a closed set of values.
export const metrics = ['queries_total', 'responses_total', 'servfail_total', 'fast_answers_total',
  'response_seconds', 'upstream_queries_total', 'resolutions_in_flight', 'local_answers_total',
  'refused_total', 'private_answers_refused_total', 'stale_answers_total']
  .map((name) => 'bailiwick_' + name);

const maxSamples = 61; // of five seconds each
const minute = 60_000;
let samples = []; // {at, values}, the oldest first

// add takes a result of the operation stats. After a restart of the server, whose counters begin
// anew, the samples before are dropped.
export function add(rows, at) {
  const values = new Map();
  for (const { metric, labels, value } of rows) {
    values.set(String(metric).replace('bailiwick_', '') + ' ' + labels, Number(value));
  }
  const last = samples.at(-1)?.values;
  if (last && total('queries_total', values) < total('queries_total', last)) samples = [];
  samples.push({ at, values });
  if (samples.length > maxSamples) samples.shift();
}

export const forget = () => { samples = []; };

// total adds the series of a metric, of those whose labels have a text.
export function total(metric, values = samples.at(-1).values, label = '') {
  let sum = 0;
  for (const [name, value] of values) {
    if (name.startsWith(metric + ' ') && (name + ' ').includes(label)) sum += value;
  }
  return sum;
}

// rateOf returns what a function of the samples' values grew by in a second, from the last sample
// but one to the last; NaN if there are not two.
export function rateOf(figure, span = 0) {
  const last = samples.at(-1);
  const first = samples.findLast((s) => s !== last && last.at - s.at >= span) ?? samples[0];
  if (first === last) return NaN;
  return (figure(last.values) - figure(first.values)) / ((last.at - first.at) / 1000);
}

// series lists the series of a metric with their labels, total, and rate of the last minute.
export function series(metric) {
  const list = [];
  for (const [name, value] of samples.at(-1).values) {
    if (!name.startsWith(metric + ' ')) continue;
    list.push({
      name, value, labels: labels(name.slice(metric.length + 1)),
      rate: rateOf((values) => values.get(name) ?? 0, minute),
    });
  }
  return list;
}

// labels reads "a=x b=y".
const labels = (text) => Object.fromEntries(text.split(' ').map((one) => {
  const at = one.indexOf('=');
  return [one.slice(0, at), one.slice(at + 1)];
}));

// history returns the rate of a figure between each two samples, the oldest first, with its time.
export const history = (figure) => samples.slice(1).map((s, i) => ({
  at: s.at,
  rate: (figure(s.values) - figure(samples[i].values)) / ((s.at - samples[i].at) / 1000),
}));
