// The list: only the rows in sight are elements, so that a million are as quick as ten.

/** Browsers do not make taller boxes; taller lists move more rows for each pixel of the bar. */
const TALLEST = 6000000;

const HEADS = [
  { name: 'feature', text: 'Feature', label: 'Feature' },
  { name: null, text: 'Fires on', label: 'Fires on' },
  { name: 'density', text: 'Density', label: 'Density' },
  { name: 'max', text: 'Maximum', label: 'Maximum' },
  { name: 'similar', text: 'Similarity', label: 'Similarity: cosine with the most similar feature' },
];

/**
 * A list in `home` of rows of `columns`; `on` has {sort(name), open(id), address(id)}.
 * What it returns has fill(rows, search) and show(row).
 */
function featureList(home, columns, on) {
  const layer = element('div', { class: 'rows', role: 'rowgroup' });
  const spacer = element('div', { class: 'spacer', 'aria-hidden': 'true' });
  const head = element('div', { class: 'row head', role: 'row', 'aria-rowindex': '1' });
  head.append(...HEADS.map((column) => headOf(column, on)));
  const headGroup = element('div', { class: 'heads', role: 'rowgroup' }, head);
  const box = element('div', { class: 'box', role: 'grid', tabindex: '0', 'aria-label': 'Features', 'aria-colcount': '5' }, headGroup, layer, spacer);
  const empty = element('p', { class: 'empty', hidden: true }, 'No feature is left. Widen the limits or shorten the text.');
  home.replaceChildren(box, empty);
  const greatest = columns.max.reduce((most, value) => Math.max(most, value), 0);

  let rows = new Uint32Array(0);
  let at = 0;         // The active row's place in the list.
  let top = 0;        // Pixels of the whole list above what is in sight.
  let bar = 0;        // Where the scroll bar was last.
  let settling = 0;

  const rowHeight = () => (matchMedia('(max-width: 40rem)').matches ? 58 : 42);
  const inSight = () => Math.max(rowHeight(), box.clientHeight - headGroup.offsetHeight);
  const longest = () => Math.max(0, rows.length * rowHeight() - inSight());
  const reach = () => Math.max(0, box.scrollHeight - box.clientHeight);

  function draw() {
    const height = rowHeight();
    top = Math.min(Math.max(0, top), longest());
    const first = Math.floor(top / height);
    const last = Math.min(rows.length, Math.ceil((top + inSight()) / height) + 1);
    const made = [];
    for (let i = first; i < last; i++) made.push(rowOf(i, i * height - top, height));
    layer.replaceChildren(...made);
    if (at >= first && at < last) box.setAttribute('aria-activedescendant', 'row-' + at);
    else box.removeAttribute('aria-activedescendant');
  }

  function rowOf(i, y, height) {
    const row = rows[i];
    const id = columns.id(row);
    const cells = [
      element('span', { class: 'number', role: 'rowheader' },
        element('a', { href: on.address(id), tabindex: '-1' }, count(id)),
        columns.dead[row] ? element('span', { class: 'badge' }, 'dead') : null),
      element('span', { class: 'peaks', role: 'gridcell' }, chips(columns.peaks(row))),
      element('span', { class: 'measure', role: 'gridcell' }, meter(logShare(columns.density[row])), element('span', {}, densityText(columns.density[row]))),
      element('span', { class: 'measure', role: 'gridcell' }, meter(greatest > 0 ? columns.max[row] / greatest : 0), element('span', {}, digits3(columns.max[row]))),
      element('span', { class: 'measure plain', role: 'gridcell' }, element('span', {}, decimal3(columns.similar[row]))),
    ];
    const made = element('div', {
      class: 'row' + (i === at ? ' active' : '') + (columns.dead[row] ? ' dead' : ''), role: 'row', id: 'row-' + i,
      'aria-rowindex': String(i + 2), 'aria-selected': String(i === at),
    }, ...cells);
    made.style.transform = 'translateY(' + y + 'px)';
    made.style.height = height + 'px';
    made.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      at = i;
      on.open(id);
    });
    return made;
  }

  function settle() {
    // Small steps moved the list, not the bar's share of it: bring the bar where it belongs.
    bar = longest() > 0 ? Math.round((top / longest()) * reach()) : 0;
    if (Math.abs(box.scrollTop - bar) > 1) box.scrollTop = bar;
    bar = box.scrollTop;
  }

  function goTo(pixels) {
    top = Math.min(Math.max(0, pixels), longest());
    settle();
    draw();
  }

  function reveal(i) {
    const height = rowHeight();
    if (i * height < top) goTo(i * height);
    else if ((i + 1) * height > top + inSight()) goTo((i + 1) * height - inSight());
    else draw();
  }

  const scaled = () => rows.length * rowHeight() > TALLEST;

  box.addEventListener('scroll', () => {
    const now = box.scrollTop;
    if (Math.abs(now - bar) < 1) return;
    const step = now - bar;
    if (!scaled()) top = now;
    else if (now <= 0) top = 0;
    else if (now >= reach() - 1) top = longest();
    else if (Math.abs(step) < inSight()) top += step;
    else top = (now / reach()) * longest();
    bar = now;
    requestAnimationFrame(draw);
    clearTimeout(settling);
    if (scaled()) settling = setTimeout(settle, 200);
  });

  box.addEventListener('wheel', (event) => {
    if (!scaled() || event.ctrlKey) return;
    const before = top;
    const unit = event.deltaMode === 1 ? rowHeight() : event.deltaMode === 2 ? inSight() : 1;
    goTo(top + event.deltaY * unit);
    if (top !== before) event.preventDefault();
  }, { passive: false });

  box.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(inSight() / rowHeight()) - 1);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1 };
    if (rows.length === 0 || event.altKey || event.metaKey || event.target.closest('button')) return;
    if (event.key in steps) {
      event.preventDefault();
      at = Math.min(Math.max(0, steps[event.key]), rows.length - 1);
      reveal(at);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      on.open(columns.id(rows[at]));
    }
  });

  new ResizeObserver(() => {
    resize();
    settle();
    draw();
  }).observe(box);

  function resize() {
    spacer.style.height = Math.min(TALLEST, rows.length * rowHeight()) + 'px';
  }

  return {
    box,
    fill(chosen, search) {
      rows = chosen;
      at = 0;
      top = 0;
      headsFor(head, search);
      box.setAttribute('aria-rowcount', String(rows.length + 1));
      empty.hidden = rows.length > 0;
      resize();
      settle();
      draw();
    },
    /** Makes a feature the active row, if the list has it. */
    show(row) {
      const place = rows.indexOf(row);
      if (place < 0) return;
      at = place;
      reveal(at);
    },
  };
}

function headOf({ name, text, label }, on) {
  const cell = element('span', { role: 'columnheader', class: 'head-' + (name ?? 'peaks') });
  if (name === null) {
    cell.append(text);
    return cell;
  }
  cell.dataset.sort = name;
  const button = element('button', { type: 'button', title: label }, text);
  button.addEventListener('click', () => on.sort(name));
  cell.append(button);
  return cell;
}

function headsFor(head, search) {
  for (const cell of head.querySelectorAll('[data-sort]')) {
    const mine = cell.dataset.sort === search.sort;
    cell.setAttribute('aria-sort', !mine ? 'none' : search.down ? 'descending' : 'ascending');
  }
}

function meter(share) {
  const bar = element('i');
  bar.style.width = (100 * Math.min(1, Math.max(0, share))).toFixed(1) + '%';
  return element('span', { class: 'meter', 'aria-hidden': 'true' }, bar);
}

/** A density on a logarithmic scale from one token in a million to all. */
function logShare(density) {
  return density > 0 ? 1 + Math.log10(density) / 6 : 0;
}
