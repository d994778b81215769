// Opens the source, and shows what the address asks for: the list, or one feature of it.

let place = readAddress(location.hash);
let rows = new Uint32Array(0);

async function start() {
  followTheme();
  let source;
  try {
    source = await openSource(JSON.parse(byId('data').textContent));
  } catch (failed) {
    byId('content').replaceChildren(element('p', { class: 'empty', role: 'alert' }, failed.message));
    return;
  }
  const { columns, summary } = source;
  headline(summary);
  const list = featureList(byId('grid'), columns, {
    sort: (name) => move({ sort: name, down: place.sort === name ? !place.down : name !== 'feature' }),
    open: (id) => { location.hash = addressOf(place, id); },
    address: (id) => addressOf(place, id),
  });
  const cloud = scatter(byId('scatter'), columns, {
    open: (id) => { location.hash = addressOf(place, id); },
    limit: (density, max) => move({ density: density.map(three), max: max.map(three) }),
  });
  const showSearch = narrowing(narrow);
  keys(source, list);

  let sought = null;      // The text for which `found` has the bits.
  let found = null;
  let shownSearch = null;
  let latest = 0;

  function narrow(change) {
    if (change.clear) move({ ...readAddress(''), feature: place.feature, sort: place.sort, down: place.down });
    else if ('text' in change) {
      const number = /^#\s*(\d{1,10})$/.exec(change.text.trim());
      if (number === null) move({ text: /^#/.test(change.text) ? '' : change.text });
      else if (change.submitted) location.hash = addressOf({ ...place, text: '' }, Number(number[1]));
    } else if ('show' in change) move({ show: change.show });
    else move({ [change.range]: place[change.range].map((old, i) => (i === change.end ? change.value : old)) });
  }

  /** Goes to another search; what is typed letter by letter is one step of the history. */
  function move(change) {
    const next = { ...place, ...change };
    if (sameSearch(next, place)) return;
    history.replaceState(null, '', writeAddress(next));
    follow();
  }

  async function follow() {
    place = readAddress(location.hash);
    const turn = ++latest;
    const began = performance.now();
    showSearch(place);
    const text = place.text.trim();
    if (text !== sought) {
      try {
        const bits = text === '' ? null : await source.find(text);
        if (turn !== latest) return;
        [sought, found] = [text, bits];
      } catch (failed) {
        byId('matches').textContent = failed.message;
        return;
      }
    }
    if (shownSearch === null || !sameSearch(shownSearch, place)) {
      rows = select(columns, place, found);
      shownSearch = place;
      list.fill(rows, place);
      cloud.fill();
      tellMatches(summary, columns, rows.length, performance.now() - began);
    }
    await showPlace(source, list, turn, () => turn === latest);
  }

  addEventListener('hashchange', follow);
  await follow();
}

function three(value) {
  return Number(value.toPrecision(3));
}

function headline(summary) {
  byId('overline').textContent = [summary.name, summary.hook, summary.model].filter((part) => part).join(' · ');
  const share = summary.features > 0 ? summary.dead / summary.features : 0;
  const of = summary.selected === undefined ? '' : count(summary.selected) + ' of ';
  byId('headline').textContent = of + count(summary.features) + ' features' +
    (summary.dead === 0 ? ', all alive' : ', ' + percent(share) + ' of ' + (of === '' ? 'them' : 'all') + ' dead');
  byId('lede').textContent = 'Measured on ' + count(summary.rows) + ' tokens. A feature is dead if it fired on none of the last ' +
    count(summary.deadWindow) + '.' + (summary.silent > 0 ? ' ' + count(summary.silent) + ' never fired.' : '');
}

function tellMatches(summary, columns, left, milliseconds) {
  const all = columns.n;
  const said = left === all ? count(all) + ' features' : count(left) + ' of ' + count(all) + ' features';
  byId('matches').textContent = said;
  byId('matches').dataset.milliseconds = milliseconds.toFixed(1);
  byId('scatter').setAttribute('aria-label', 'Scatter plot of density against maximum of ' + said + '. The fields after it set limits on both.');
  byId('scatter-note').textContent = 'Drag over features to keep only them' + (columns.silent > 0 ? '; ' + count(columns.silent) + ' that never fired are not drawn' : '') + '.';
}

async function showPlace(source, list, turn, current) {
  const view = byId('feature-view');
  hideTip();
  if (place.feature === null) {
    const was = view.hidden ? null : Number(view.dataset.feature);
    view.hidden = true;
    view.replaceChildren();
    byId('list-view').hidden = false;
    document.title = byId('where').textContent;
    if (was !== null) {
      list.show(source.columns.row(was));
      list.box.focus({ preventScroll: true });
    }
    return;
  }
  const id = place.feature;
  const began = performance.now();
  let content;
  try {
    const feature = await source.feature(id);
    if (!current()) return;
    content = featurePage(feature, source.summary, around(source, id));
  } catch (failed) {
    if (!current()) return;
    content = [element('p', { class: 'empty', role: 'alert' }, failed.message, ' ', element('a', { href: writeAddress({ ...place, feature: null }) }, 'All features'))];
  }
  byId('list-view').hidden = true;
  view.replaceChildren(...content);
  view.hidden = false;
  view.dataset.feature = String(id);
  document.title = 'Feature ' + count(id) + ' · ' + byId('where').textContent;
  scrollTo({ top: 0, behavior: 'instant' });
  byId('feature-title')?.focus({ preventScroll: true });
  view.dataset.milliseconds = (performance.now() - began).toFixed(1);
}

/** What a feature's page needs of the list around it. */
function around({ columns }, id) {
  const row = columns.row(id);
  const at = rows.indexOf(row);
  const neighbour = (i) => (at >= 0 && i >= 0 && i < rows.length ? columns.id(rows[i]) : null);
  return {
    list: writeAddress({ ...place, feature: null }),
    listed: rows.length === columns.n ? 'All features' : count(rows.length) + ' features',
    previous: neighbour(at - 1),
    next: neighbour(at + 1),
    address: (other) => addressOf(place, other),
    known: (other) => columns.row(other) >= 0,
    peaks: (other) => (columns.row(other) >= 0 ? columns.peaks(columns.row(other)) : []),
  };
}

/** Keys that work wherever nothing is being typed. */
function keys(source, list) {
  const dialog = byId('keys');
  byId('keys-open').addEventListener('click', () => dialog.showModal());
  byId('home').addEventListener('click', (event) => {
    event.preventDefault();
    location.hash = writeAddress({ ...place, feature: null });
  });
  byId('skip').addEventListener('click', (event) => {
    // The fragment is the search's.
    event.preventDefault();
    byId('content').focus();
  });
  addEventListener('scroll', hideTip, { passive: true });
  addEventListener('keydown', (event) => {
    const typing = event.target.closest?.('input:not([type="radio"]), select, textarea, dialog');
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || dialog.open) return;
    if (event.key === 'Escape') {
      if (typing) list.box.focus();
      else if (place.feature !== null) location.hash = writeAddress({ ...place, feature: null });
      return;
    }
    if (typing) return;
    const go = (id) => { if (id !== null) location.hash = addressOf(place, id); };
    if (event.key === '/') {
      event.preventDefault();
      if (place.feature !== null) location.hash = writeAddress({ ...place, feature: null });
      setTimeout(() => byId('query').select(), 0);
    } else if (event.key === '?') dialog.showModal();
    else if (event.key === 'o' && place.feature !== null) byId('open-all')?.click();
    else if (event.key === 'j' && place.feature !== null) go(around(source, place.feature).next);
    else if (event.key === 'k' && place.feature !== null) go(around(source, place.feature).previous);
  });
}

start();
