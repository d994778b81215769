// Building the page. Text only ever becomes text nodes: nothing from the data is parsed as markup.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

/** Shows a section and lists it in the bar. */
function show(id) {
  byId(id).hidden = false;
}

function listSections() {
  const nav = byId('contents');
  for (const section of document.querySelectorAll('[data-section]')) {
    if (!section.hidden) {
      nav.append(element('a', { href: '#' + section.id }, section.dataset.section));
    }
  }
}

let groups = 0;

/** One choice out of a few: radio buttons, or a list where they would not fit. */
function chooser(label, options, chosen, onChange) {
  if (options.length > 14) {
    const list = element('select', { 'aria-label': label });
    for (const { value, text } of options) {
      list.append(element('option', { value, selected: value === chosen }, text));
    }
    list.addEventListener('change', () => onChange(options[list.selectedIndex].value));
    list.choose = (value) => { list.value = value; };
    return list;
  }
  const name = 'choice-' + ++groups;
  const group = element('div', { class: 'segments', role: 'radiogroup', 'aria-label': label });
  for (const { value, text } of options) {
    const input = element('input', { type: 'radio', name, checked: value === chosen });
    input.addEventListener('change', () => onChange(value));
    group.append(element('label', {}, input, element('span', {}, text)));
  }
  group.choose = (value) => {
    const index = options.findIndex((option) => option.value === value);
    if (index >= 0) group.querySelectorAll('input')[index].checked = true;
  };
  return group;
}

function announce(text) {
  byId('live').textContent = text;
}

/**
 * A table for reading: columns are {name, text(row), value?(row), best?: 'least'|'most', among?(row), cell?(row)}.
 * The best of a column is marked among the rows of which `among` says the same; the row's own question by default.
 */
function table(columns, rows, { sortable = false, kind = 'data-table', caption } = {}) {
  const head = element('tr');
  const body = element('tbody');
  const best = columns.map((column) => bestOf(column, rows));
  const fill = (ordered) => {
    body.replaceChildren(
      ...ordered.map((row) =>
        element('tr', {}, ...columns.map((column, i) => cell(column, row, i, best[i].has(row))))),
    );
  };
  columns.forEach((column, i) => {
    const th = element('th', { scope: 'col' });
    if (sortable && column.value) {
      th.setAttribute('aria-sort', 'none');
      const button = element('button', { type: 'button' }, column.name);
      button.addEventListener('click', () => {
        const up = th.getAttribute('aria-sort') !== 'ascending';
        for (const other of head.querySelectorAll('[aria-sort]')) other.setAttribute('aria-sort', 'none');
        th.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        fill([...rows].sort((a, b) => (up ? 1 : -1) * compare(column.value(a), column.value(b))));
      });
      th.append(button);
    } else {
      th.append(column.name);
    }
    head.append(th);
  });
  fill(rows);
  return element('table', { class: kind + (columns.length > 9 ? ' crowded' : '') },
    caption ? element('caption', { class: 'visually-hidden' }, caption) : null,
    element('thead', {}, head), body);
}

/** A table in a place of its own, which scrolls where the page is narrower than the table. */
function scrolling(made) {
  return element('div', { class: 'scroll' }, made);
}

function cell(column, row, i, best) {
  const text = column.text(row);
  const made = element(i === 0 ? 'th' : 'td', {
    scope: i === 0 ? 'row' : null,
    class: [best ? 'best' : '', text === NONE ? 'none' : ''].join(' ').trim() || null,
  });
  if (column.cell) made.append(...column.cell(row), element('span', { class: 'number' }, text));
  else made.append(text);
  return made;
}

/** The rows that are best among those that answer one question; none where all are alike. */
function bestOf(column, rows) {
  const found = new Set();
  if (!column.best) return found;
  const among = column.among ?? ((row) => row.question);
  for (const question of new Set(rows.map(among))) {
    const alike = rows.filter((row) => among(row) === question && isNumber(column.value(row)));
    const values = alike.map(column.value);
    if (new Set(values).size < 2) continue;
    const best = column.best === 'least' ? Math.min(...values) : Math.max(...values);
    for (const row of alike) if (column.value(row) === best) found.add(row);
  }
  return found;
}

function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return a < b ? -1 : 1;
}

function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = element('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** Rows as CSV; a cell that a spreadsheet would take for a formula is quoted with an apostrophe. */
function csv(columns, rows) {
  const field = (value) => {
    const text = value === null || value === undefined ? '' : String(value);
    const safe = typeof value === 'string' && /^[=+\-@\t]/.test(text) ? "'" + text : text;
    return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };
  const lines = [columns.map((c) => c.name), ...rows.map((r) => columns.map((c) => (c.value ?? c.text)(r)))];
  return lines.map((line) => line.map(field).join(',')).join('\r\n') + '\r\n';
}
