// Opens the source, and shows what the address asks for: the list, or one feature of it.

let place = readAddress(location.hash);
let rows = new Uint32Array(0);

async function start() {
  followTheme();
  const { dictionaries } = JSON.parse(byId('data').textContent);
  const listings = [];     // By dictionary, of those that were shown.
  const showSearch = narrowing(narrow);
  const showDictionary = dictionaryChooser(dictionaries, (dictionary) => {
    location.hash = writeAddress({ ...place, dictionary, feature: null });
  });
  keys(() => listings[place.dictionary]);
  let shown = null;       // The one that is on the page.
  let latest = 0;

  async function listingOf(dictionary) {
    listings[dictionary] ??= listing(await openSource(dictionaries[dictionary], dictionary), {
      move,
      other: otherOf(dictionaries, dictionary),
    });
    return listings[dictionary];
  }

  function narrow(change) {
    if (change.clear) move({ ...readAddress(''), dictionary: place.dictionary, feature: place.feature, sort: place.sort, down: place.down });
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
    if (place.dictionary >= dictionaries.length) place.dictionary = 0;
    const turn = ++latest;
    const began = performance.now();
    showSearch(place);
    showDictionary(place.dictionary);
    let now;
    try {
      now = await listingOf(place.dictionary);
    } catch (failed) {
      byId('content').replaceChildren(element('p', { class: 'empty', role: 'alert' }, failed.message));
      return;
    }
    if (turn !== latest) return;
    if (now !== shown) {
      byId('grid').replaceWith(now.grid);
      byId('scatter').replaceWith(now.plot);
      headline(now.source.summary);
      shown = now;
      now.search = null;
    }
    const text = place.text.trim();
    if (text !== now.sought) {
      try {
        const bits = text === '' ? null : await now.source.find(text);
        if (turn !== latest) return;
        [now.sought, now.found] = [text, bits];
      } catch (failed) {
        byId('matches').textContent = failed.message;
        return;
      }
    }
    const { columns, summary } = now.source;
    if (now.search === null || !sameSearch(now.search, place)) {
      rows = select(columns, place, now.found);
      now.search = place;
      now.list.fill(rows, place);
      now.cloud.fill();
      tellMatches(summary, columns, rows.length, performance.now() - began);
    }
    await showPlace(now, turn, () => turn === latest);
  }

  addEventListener('hashchange', follow);
  await follow();
  if (shown !== null && place.feature === null) setTimeout(() => rehearse(shown, 3), 200);
}

/** Makes some pages that nobody sees: the first one would take three times as long as those after it. */
async function rehearse(listing, times) {
  const { source, other } = listing;
  if (times === 0 || rows.length < times || place.feature !== null) return;
  const id = source.columns.id(rows[times - 1]);
  let feature;
  try {
    feature = await source.feature(id);
  } catch (failed) {
    return; // The page itself will say so.
  }
  const unseen = element('div', { class: 'unseen', 'aria-hidden': 'true', inert: true }, ...featurePage(feature, source.summary, around(source, id, other)));
  document.body.append(unseen);
  unseen.getBoundingClientRect();
  unseen.remove();
  setTimeout(() => rehearse(listing, times - 1), 100);
}

/** A dictionary's list and scatter plot, and what of it was sought last. */
function listing(source, { move, other }) {
  const grid = element('div', { class: 'grid', id: 'grid' });
  const plot = element('div', { class: 'scatter', id: 'scatter', role: 'img' });
  const open = (id) => { location.hash = addressOf(place, id); };
  return {
    source, other, grid, plot,
    list: featureList(grid, source.columns, {
      sort: (name) => move({ sort: name, down: place.sort === name ? !place.down : name !== 'feature' }),
      open,
      address: (id) => addressOf(place, id),
    }),
    cloud: scatter(plot, source.columns, { open, limit: (density, max) => move({ density: density.map(three), max: max.map(three) }) }),
    sought: null,         // The text for which `found` has the bits.
    found: null,
    search: null,         // The search whose rows the list has.
  };
}

/** What a feature's page needs of the other dictionary; null if there is none. */
function otherOf(dictionaries, dictionary) {
  if (dictionaries.length < 2) return null;
  const which = 1 - dictionary;
  const held = dictionaries[which].list && new Set(dictionaries[which].list.feature);
  return {
    name: dictionaries[which].summary.short,
    address: (id) => writeAddress({ ...readAddress(''), dictionary: which, feature: id }),
    known: (id) => held === undefined || held.has(id),
  };
}

/** Two buttons in the head of the page; returns a function that shows which is chosen. */
function dictionaryChooser(dictionaries, choose) {
  if (dictionaries.length < 2) return () => {};
  const chosen = chooser('Dictionary', dictionaries.map(({ summary }, i) => ({ value: String(i), text: visible(summary.short) })), '0', (value) => choose(Number(value)));
  byId('where').replaceChildren(chosen);
  byId('where').classList.add('two-dictionaries');
  return (dictionary) => chosen.choose(String(dictionary));
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

function titleOf({ summary }) {
  return 'Features of ' + visible(summary.short);
}

async function showPlace({ source, list, other }, turn, current) {
  const view = byId('feature-view');
  hideTip();
  if (place.feature === null) {
    const was = view.hidden ? null : Number(view.dataset.feature);
    view.hidden = true;
    view.replaceChildren();
    byId('list-view').hidden = false;
    document.title = titleOf(source);
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
    content = featurePage(feature, source.summary, around(source, id, other));
  } catch (failed) {
    if (!current()) return;
    content = [element('p', { class: 'empty', role: 'alert' }, failed.message, ' ', element('a', { href: writeAddress({ ...place, feature: null }) }, 'All features'))];
  }
  byId('list-view').hidden = true;
  view.replaceChildren(...content);
  view.hidden = false;
  view.dataset.feature = String(id);
  document.title = 'Feature ' + count(id) + ' · ' + titleOf(source);
  scrollTo({ top: 0, behavior: 'instant' });
  byId('feature-title')?.focus({ preventScroll: true });
  view.dataset.milliseconds = (performance.now() - began).toFixed(1);
}

/** What a feature's page needs of the list around it. */
function around({ columns }, id, other) {
  const row = columns.row(id);
  const at = rows.indexOf(row);
  const neighbour = (i) => (at >= 0 && i >= 0 && i < rows.length ? columns.id(rows[i]) : null);
  return {
    list: writeAddress({ ...place, feature: null }),
    listed: rows.length === columns.n ? 'All features' : count(rows.length) + ' features',
    previous: neighbour(at - 1),
    next: neighbour(at + 1),
    address: (similar) => addressOf(place, similar),
    known: (similar) => columns.row(similar) >= 0,
    peaks: (similar) => (columns.row(similar) >= 0 ? columns.peaks(columns.row(similar)) : []),
    other,
  };
}

/** Keys that work wherever nothing is being typed. */
function keys(listing) {
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
    // Not `place`, which follows a moment later: keys may come faster.
    const here = readAddress(location.hash);
    if (event.key === 'Escape') {
      if (typing) listing()?.list.box.focus();
      else if (here.feature !== null) location.hash = writeAddress({ ...here, feature: null });
      return;
    }
    if (typing) return;
    const go = (id) => { if (id !== null) location.hash = addressOf(here, id); };
    if (event.key === '/') {
      event.preventDefault();
      if (here.feature !== null) location.hash = writeAddress({ ...here, feature: null });
      setTimeout(() => byId('query').select(), 0);
    } else if (event.key === '?') dialog.showModal();
    else if (event.key === 'o' && here.feature !== null) byId('open-all')?.click();
    else if (['j', 'k'].includes(event.key) && here.feature !== null && listing()) {
      const { next, previous } = around(listing().source, here.feature, null);
      go(event.key === 'j' ? next : previous);
    }
  });
}

start();
