// Text, tables and facts. What a zone, a server or a client can choose comes into the page as text
// (textContent) and in no other way, so that it is never markup.

export const $ = (id) => document.getElementById(id);

// maxText is how many characters of a text a cell shows.
const maxText = 300;

// visible returns a text with its control and formatting characters spelled out. Those that change
// the direction of writing could make one name look like another.
export const visible = (text) => plain(text).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu,
  (c) => c === '\n' ? c : '\\u{' + c.codePointAt(0).toString(16) + '}');

// plain returns a value of the API as text, whatever it is.
const plain = (value) => typeof value === 'object' && value !== null ? JSON.stringify(value)
  : String(value ?? '');

// short is visible with the middle of a long text left out.
export function short(text, most = maxText) {
  const all = visible(text);
  if (all.length <= most) return all;
  const half = Math.floor(most / 2);
  return all.slice(0, half) + ' … ' + all.slice(-half);
}

// say changes the text of an element, unless it is that already: a screen reader that reads it, and
// a selection in it, are left alone.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// element makes one with a text and a class.
export function element(tag, text = '', name = '') {
  const e = document.createElement(tag);
  e.textContent = text;
  if (name) e.className = name;
  return e;
}

// button makes a button. Its name tells what it is about, for those who do not see its row.
export function button(text, about, act) {
  const b = element('button', text);
  b.type = 'button';
  b.setAttribute('aria-label', text + ' ' + short(about, 80));
  b.addEventListener('click', act);
  return b;
}

// facts fills a list of terms and texts; those without a text are left out.
export function facts(list, pairs) {
  list.replaceChildren(...pairs.filter(([, text]) => text || text === 0).flatMap(([term, text]) =>
    [element('dt', term), element('dd', short(text, 1000))]));
}

// table fills the body of a table. Rows are known by their key and are used again, so that neither
// the focus nor a selection is lost when figures change. cells returns the contents of a row: texts
// are set as such, {text, state} gets the state as its class, {share} is drawn as a bar, and
// {actions} makes buttons, once for each row.
export function table(body, items, { key, cells, none }) {
  const heads = [...body.closest('table').tHead.rows[0].cells];
  const known = new Map([...body.rows].map((row) => [row.key, row]));
  const wanted = items.map((item) => {
    const row = known.get(key(item)) ?? newRow(key(item), heads);
    known.delete(row.key);
    cells(item).forEach((content, i) => fill(row.cells[i], content));
    return row;
  });
  if (wanted.length === 0) wanted.push(emptyRow(none, heads.length));
  wanted.forEach((row, i) => {
    if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null);
  });
  while (body.rows.length > wanted.length) body.deleteRow(-1);
}

// keepTables gives the tables of the page the roles that they have anyway, but for style sheets that
// show their rows in another way.
export function keepTables() {
  const roles = { table: 'table', thead: 'rowgroup', tbody: 'rowgroup', tr: 'row',
    'thead th': 'columnheader' };
  for (const [selector, role] of Object.entries(roles)) {
    for (const e of document.querySelectorAll(selector)) e.setAttribute('role', role);
  }
}

// newRow makes a row. On a narrow screen each cell stands below its heading, which is repeated, and
// the roles keep it a table for screen readers.
function newRow(key, heads) {
  const row = element('tr');
  row.key = key;
  row.setAttribute('role', 'row');
  heads.forEach((head, i) => {
    const cell = element(i === 0 ? 'th' : 'td');
    if (i === 0) cell.scope = 'row';
    cell.setAttribute('role', i === 0 ? 'rowheader' : 'cell');
    cell.dataset.label = head.textContent.trim().replace(/\s+/g, ' ');
    cell.className = head.className;
    row.append(cell);
  });
  return row;
}

function emptyRow(text, columns) {
  const row = element('tr');
  row.setAttribute('role', 'row');
  const cell = element('td', text, 'none');
  cell.setAttribute('role', 'cell');
  cell.colSpan = columns;
  row.append(cell);
  return row;
}

function fill(cell, content) {
  if (content?.actions) {
    if (cell.childElementCount === 0) cell.append(...content.actions());
    return;
  }
  if (content?.share !== undefined) {
    const bar = cell.firstElementChild ?? cell.appendChild(element('meter'));
    bar.max = 1;
    bar.value = content.share;
    bar.setAttribute('aria-label', percent(content.share));
    return;
  }
  if (content?.state !== undefined) cell.dataset.state = content.state;
  say(cell, short(content?.text ?? content));
}

// number prints a number for people.
export const number = (n) => !Number.isFinite(n) ? '–'
  : n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 2 : n < 100 ? 1 : 0 });

export const percent = (n) => Number.isFinite(n) ? number(100 * n) + ' %' : '–';

// seconds prints a time.
export const seconds = (s) => !Number.isFinite(s) ? '–'
  : s < 1 ? number(1000 * s) + ' ms' : number(s) + ' s';
