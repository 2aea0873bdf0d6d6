// The console: asks the API for what the sections show, and shows it.

import { Refused, explainTime, hasToken, read, rows, setToken } from './api.js';
import { $, button, element, facts, keepTables, number, percent, say, seconds, short, table,
  visible } from './dom.js';
import * as figures from './figures.js';

// Figures are asked for every so many milliseconds, lists with every third time. Nothing is asked
// while the page is not seen, and less and less often while the server does not answer.
const every = 5_000;
const listsEvery = 3;
const longest = 60_000;
// A list has at most so many rows.
const most = 20;

let timer = 0; // of the next round; 0: none is due
let working = false; // a round is under way
let round = 0;
let wait = every;
let paused = false;
let explaining = false;
let drawn = ''; // the URL of the drawing

// ---- Token

// signIn drops the token and all that was shown by it, and asks for another.
function signIn(problem = '') {
  setToken('');
  stop();
  figures.forget();
  for (const id of ['content', 'controls', 'contents', 'report']) $(id).hidden = true;
  for (const shown of document.querySelectorAll('tbody, dl, #content ol, #report-notes, dialog pre')) {
    shown.replaceChildren();
  }
  draw('', '');
  $('sign-in').hidden = false;
  say($('token-problem'), problem);
  say($('state'), '');
  say($('server'), '');
  $('recording').close();
  $('token').focus();
}

function signedIn() {
  for (const id of ['content', 'controls', 'contents']) $(id).hidden = false;
  $('sign-in').hidden = true;
  round = 0;
  wait = every;
  due(0);
}

$('token-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  setToken($('token').value.trim());
  $('token').value = '';
  try {
    await read('status');
  } catch (error) {
    signIn(reason(error));
    return;
  }
  signedIn();
  $('main').focus();
});

$('forget').addEventListener('click', () => signIn());

// forgotten reports whether the token of a request was dropped before its answer came.
const forgotten = (error) => error.name === 'AbortError';

// reason is why a request failed, for people.
function reason(error) {
  if (error instanceof Refused) {
    return error.status === 401 ? 'The server does not know this token.'
      : 'The server refuses: ' + short(error.message);
  }
  return error.name === 'TimeoutError' ? 'The server does not answer in time.'
    : error.name === 'TypeError' ? 'The server cannot be reached.' : short(error.message);
}

// ---- Rounds

function stop() {
  clearTimeout(timer);
  timer = 0;
}

// due has the next round begin after a time, unless nobody looks.
function due(after) {
  stop();
  if (!paused && !document.hidden && hasToken()) timer = setTimeout(work, after);
}

document.addEventListener('visibilitychange', () => {
  if (!working) due(0);
});

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', String(paused));
  say($('state'), paused ? 'Paused' : '');
  if (!working) due(0);
});

async function work() {
  working = true;
  document.documentElement.dataset.round = 'under way';
  try {
    await showFigures();
    if (round % listsEvery === 0) await showLists();
    round++;
    wait = every;
    if (!paused) say($('state'), '');
  } catch (error) {
    if (forgotten(error)) {
      // Another token, or none, has taken its place.
    } else if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
      signIn(reason(error));
    } else {
      wait = Math.min(2 * wait, longest);
      say($('state'), reason(error) + ' What is shown is of earlier.');
    }
  }
  working = false;
  document.documentElement.dataset.round = '';
  due(wait);
}

// ---- Figures

const queries = (v) => figures.total('queries_total', v);
const failed = (v) => figures.total('responses_total', v, 'rcode=SERVFAIL ');
const prepared = (v) => figures.total('fast_answers_total', v);

async function showFigures() {
  const [status, stats] = [await read('status'), await read('stats', { metric: figures.metrics })];
  figures.add(rows(stats, 2000), performance.now());
  say($('server'), short(`${location.host}, version ${status.version}, up ${status.uptime}`));
  showTiles(status);
  showChart();
  showCauses();
  showPolicy();
}

function showTiles(status) {
  const asked = figures.rateOf(queries);
  const bad = figures.rateOf(failed);
  const took = figures.rateOf((v) => figures.total('response_seconds_sum', v))
    / figures.rateOf((v) => figures.total('response_seconds_count', v));
  const ready = status.ready === 'yes';
  tiles([
    ['Ready', ready ? 'yes' : short(status.ready, 120), ready ? 'good' : 'bad'],
    ['Queries a second', number(asked)],
    ['SERVFAIL a second', `${number(bad)}${bad > 0 ? ` (${percent(bad / asked)})` : ''}`,
      bad > 0 ? 'bad' : ''],
    ['From prepared answers', percent(figures.rateOf(prepared) / asked)],
    ['Mean time of others', seconds(took)],
    ['Packets to servers a second',
      number(figures.rateOf((v) => figures.total('upstream_queries_total', v)))],
    ['Being resolved', number(figures.total('resolutions_in_flight'))],
    ['Stale answers a second',
      number(figures.rateOf((v) => figures.total('stale_answers_total', v)))],
  ]);
}

function tiles(list) {
  while ($('tiles').childElementCount < list.length) {
    const tile = element('div');
    tile.append(element('dt'), element('dd'));
    $('tiles').append(tile);
  }
  list.forEach(([term, text, state = ''], i) => {
    const tile = $('tiles').children[i];
    tile.dataset.state = state;
    say(tile.children[0], term);
    say(tile.children[1], text);
  });
}

// showChart draws the rates of five minutes, the newest at the right edge.
function showChart() {
  const [all, bad] = [figures.history(queries), figures.history(failed)];
  const top = Math.max(1, ...all.map((p) => p.rate), ...bad.map((p) => p.rate));
  const now = all.at(-1)?.at ?? 0;
  const line = (points) => points.map((p, i) =>
    `${i ? 'L' : 'M'}${(600 - (now - p.at) / 500).toFixed(1)} ${(118 - 114 * p.rate / top).toFixed(1)}`)
    .join('');
  $('chart-queries').setAttribute('d', line(all));
  $('chart-failed').setAttribute('d', line(bad));
  say($('chart-top'), number(top));
  say($('chart-title'), all.length === 0 ? 'Queries and failures: nothing is known yet'
    : `Queries a second: ${number(all.at(-1).rate)} now, ${number(top)} at most; SERVFAIL a second: `
    + `${number(bad.at(-1).rate)} now, ${number(Math.max(...bad.map((p) => p.rate)))} at most`);
}

function showCauses() {
  const list = figures.series('servfail_total').filter((s) => s.value > 0)
    .sort((a, b) => (b.rate || 0) - (a.rate || 0) || b.value - a.value).slice(0, most);
  const rates = list.reduce((sum, s) => sum + (s.rate || 0), 0);
  const values = list.reduce((sum, s) => sum + s.value, 0);
  table($('causes').querySelector('tbody'), list, {
    key: (s) => s.name,
    cells: (s) => [s.labels.cause, s.labels.kind,
      { share: rates > 0 ? s.rate / rates : s.value / values }, number(s.rate), number(s.value)],
    none: 'Nothing has failed since the start.',
  });
}

// Sources of answers that policy makes, in words.
const sources = {
  zones: 'local records and zones', lists: 'block lists', rpz: 'policy zones',
  special: 'special names', dns64: 'DNS64', hooks: 'compiled-in steps',
};

function showPolicy() {
  const list = [
    ...figures.series('local_answers_total')
      .map((s) => ({ ...s, by: sources[s.labels.source] ?? s.labels.source, what: s.labels.outcome })),
    ...figures.series('refused_total')
      .map((s) => ({ ...s, by: 'access and limits', what: s.labels.cause })),
    ...figures.series('private_answers_refused_total')
      .map((s) => ({ ...s, by: 'private addresses', what: 'refused' })),
  ].filter((s) => s.value > 0).sort((a, b) => b.value - a.value).slice(0, most);
  table($('policy').querySelector('tbody'), list, {
    key: (s) => s.name,
    cells: (s) => [s.by, s.what, number(s.rate), number(s.value)],
    none: 'Policy has made or refused no answer since the start.',
  });
}

// ---- Lists

async function showLists() {
  showIncidents(rows(await read('incidents', { all: true, limit: 3 * most }), 3 * most));
  showFailures(rows(await read('failures/list', { limit: most }), most));
  showSignatures(rows(await read('signatures', { limit: most }), most));
  showServers(rows(await read('forwards/list'), 5 * most),
    rows(await read('servers', { limit: most }), most));
}

// time prints a time of the API.
const time = (text) => short(text, 40).replace('T', ' ').replace('Z', '');

function showIncidents(list) {
  table($('incidents').querySelector('tbody'), list.slice(0, most), {
    key: (i) => [i.zone, i.cause, i.first].join(' '),
    cells: (i) => [i.zone, i.cause,
      { text: i.state + (i.maintenance ? ', maintenance' : ''), state: i.state },
      time(i.first), time(i.last), i.recovery, `${i.detail}. Remedy: ${i.remedy}`],
    none: 'There are no incidents.',
  });
  const zones = new Map();
  for (const i of list.filter((i) => i.state === 'open')) {
    const z = zones.get(i.zone) ?? { zone: i.zone, causes: [], networks: 0, queries: 0, ...ask(i) };
    z.causes.push(i.cause);
    z.networks = Math.max(z.networks, i.client_networks);
    z.queries += Number(i.queries);
    zones.set(i.zone, z);
  }
  table($('zones').querySelector('tbody'), [...zones.values()].slice(0, most), {
    key: (z) => [z.zone, z.name, z.type].join(' '),
    cells: (z) => [z.zone, z.causes.join(', '), number(z.networks), number(z.queries),
      { actions: () => [button('Explain', z.zone, () => explain(z.name, z.type))] }],
    none: 'No zone is at fault.',
  });
}

// ask is the question of an incident.
function ask(incident) {
  const [name, type] = String(incident.question).split(' ');
  return { name, type };
}

function showFailures(list) {
  table($('failures').querySelector('tbody'), list, {
    key: (f) => String(f.number),
    cells: (f) => [short(f.name, 120), f.type,
      f.cause + (f.again > 0 ? `, ${number(f.again)} times before` : ''), time(f.time), f.took,
      f.client,
      { actions: () => [button('Steps', f.name, () => showRecording(f.number)),
        button('Explain', f.name, () => explain(f.name, f.type))] }],
    none: 'No resolution has failed.',
  });
}

function showSignatures(list) {
  table($('signatures').querySelector('tbody'), list, {
    key: (z) => [z.zone, z.set].join(' '),
    cells: (z) => [z.zone, { text: z.left, state: z.soon ? 'open' : '' }, time(z.expires), z.set,
      String(z.key)],
    none: 'No zone has a signature that ends soon.',
  });
}

function showServers(forwards, asked) {
  table($('forwards'), forwards, {
    key: (s) => [s.server, s.zone, s.view, s.transport].join(' '),
    cells: (s) => [s.server, s.zone, s.transport, { text: s.state, state: s.state }, s.rtt,
      s.last_failure],
    none: 'There are no forward zones.',
  });
  table($('asked'), asked, {
    key: (s) => String(s.address),
    cells: (s) => [s.address, s.rtt, number(s.unanswered), s.backed_off, s.edns, s.faults],
    none: 'No server has been asked yet.',
  });
}

// ---- A recording

async function showRecording(which) {
  let r;
  try {
    r = await read('failures/show', { number: which });
  } catch (error) {
    if (forgotten(error)) return;
    r = { detail: reason(error), rows: [] };
  }
  say($('recording-title'), r.name ? `${short(r.name, 120)} ${visible(r.type)}` : 'No recording');
  facts($('recording-facts'), [['Time (UTC)', r.time && time(r.time)], ['Cause', r.cause],
    ['Detail', r.detail], ['Remedy', r.remedy], ['Client', r.client], ['Took', r.took]]);
  say($('recording-steps'), rows(r, 1000).map((one) => visible(one.step)).join('\n'));
  $('recording').showModal();
  $('recording-title').focus();
}

$('recording-close').addEventListener('click', () => $('recording').close());

// ---- Explain

$('explain-form').addEventListener('submit', (event) => {
  event.preventDefault();
  explain($('name').value.trim(), $('type').value.trim(), $('fresh').checked);
});

async function explain(name, type, fresh = false) {
  if (explaining) return;
  explaining = true;
  $('name').value = name;
  $('type').value = type;
  $('fresh').checked = fresh;
  $('explain-button').disabled = true;
  $('report').hidden = true;
  say($('explain-state'), `Explaining ${short(name, 120)} …`);
  try {
    const report = await read('explain', { name, ...(type && { type }), fresh, drawing: true },
      explainTime);
    showReport(report);
    say($('explain-state'), '');
    $('report').hidden = false;
    $('report-title').focus();
  } catch (error) {
    say($('explain-state'), forgotten(error) ? '' : reason(error));
  }
  $('explain-button').disabled = false;
  explaining = false;
}

const list = (of) => Array.isArray(of) ? of.slice(0, 100) : [];

function showReport(r) {
  say($('report-title'), short(r.summary, 500));
  say($('report-facts'), short(`${r.rcode}, ${r.status}, ${r.packets} packets, at ${time(r.time)} UTC`));
  const fault = r.instead ?? r.broken ?? r.reason ?? {};
  facts($('report-fault'), [[r.instead ? 'What clients get instead' : r.broken ? 'What is broken'
    : 'Why it is not secure', fault.link],
    ['Cause', fault.cause ? `${fault.cause}: ${fault.meaning}` : fault.meaning],
    ['Detail', fault.detail],
    ['Server', fault.server], ['Who has to act', fault.by && (fault.zone
      ? `${fault.by} (of ${fault.zone})` : fault.by)], ['Remedy', fault.remedy]]);
  draw(r.drawing, short(r.summary, 500));
  $('report-chain').replaceChildren(...list(r.zones).map((z) => element('li', short(
    `${z.name} is ${z.status}: ${list(z.anchors).map((d) => `anchor ${ds(d)}`).join(', ')}`
    + `${list(z.ds).map((d) => `DS ${ds(d)}`).join(', ') || list(z.no_ds).join(' ')}`
    + `; keys ${list(z.keys).map((k) => `${k.tag} ${k.algorithm_name} ${k.role}`).join(', ')
      || 'none'}`, 1000))),
  ...list(r.steps).map((s) => element('li', short(`${s.name} ${s.type} is ${s.status}: ${s.kind}`
    + `${s.target ? ` to ${s.target}` : ''}, from ${s.from}`, 1000))));
  $('report-notes').replaceChildren(...[
    ...list(r.notes),
    ...list(r.policy).map((p) => `Policy: ${p.what}: ${p.value}`),
    ...list(r.exceptions).map((e) => `Exception for ${e.zone}: ${e.text}; ${e.remedy}`),
    ...list(r.remembered).map((m) => `Remembered: ${m.name} ${m.type}: ${m.cause}, `
      + `${m.count} in a row since ${time(m.first)} UTC`),
  ].map((text) => element('li', short(text, 1000))));
}

const ds = (d) => `${d.tag} ${d.algorithm_name} ${d.digest_name}`
  + (d.matches ? '' : ', which matches no key');

// draw shows a drawing as an image: browsers run no script in one, and fetch nothing for it.
function draw(svg, text) {
  URL.revokeObjectURL(drawn);
  drawn = svg ? URL.createObjectURL(new Blob([String(svg)], { type: 'image/svg+xml' })) : '';
  if (drawn) $('drawing').src = drawn;
  else $('drawing').removeAttribute('src');
  $('drawing').alt = text;
}

// ---- Start

keepTables();
if (!isSecureContext) $('open-text').hidden = false;
if (hasToken()) signedIn();
else signIn();
