// While runs go on, their command writes the page anew. The page then refreshes itself, and gives
// back what its reader had chosen and where it stood.

const VIEW = 'sluice-view:' + location.pathname;
/** So long without a new page, in ms: the command that wrote it has ended. */
const STALE = 600_000;
/** So long after the last key, click or movement, in ms, nobody is in the middle of something. */
const QUIET = 2_000;

/** What was kept when the page last left; null if it is opened anew. */
const kept = recall();

function recall() {
  try {
    const text = sessionStorage.getItem(VIEW);
    sessionStorage.removeItem(VIEW);
    return text === null ? null : JSON.parse(text);
  } catch (denied) {
    return null;
  }
}

/** What is in the page itself, and not in its picture. */
const inPage = (what) => [...document.querySelectorAll('body:not(.before) ' + what)];

/** The controls of the page, by the figure that they belong to and what they say. */
function controls() {
  const found = new Map();
  for (const control of inPage('main :is(button, input[type="radio"], select, .chart)')) {
    const place = control.closest('figure')?.querySelector('h3')?.textContent ?? control.closest('section')?.id ?? '';
    const said = control.id || control.getAttribute('aria-label') || control.closest('label')?.textContent || control.textContent;
    const base = place + '\n' + said;
    let key = base;
    for (let n = 2; found.has(key); n++) key = base + '\n' + n;
    found.set(key, control);
  }
  return found;
}

function stateOf(control) {
  if (control.tagName === 'INPUT') return String(control.checked);
  if (control.tagName === 'SELECT') return control.value;
  return control.getAttribute('aria-pressed') ?? control.getAttribute('aria-expanded') ??
    control.closest('[aria-sort]')?.getAttribute('aria-sort') ?? '';
}

function setState(control, state) {
  if (control.tagName === 'SELECT') {
    control.value = state;
    control.dispatchEvent(new Event('change'));
  } else if (control.tagName !== 'INPUT' || state === 'true') {
    control.click();
    // Of the two orders of a column the first click gives the one, the second the other.
    if (stateOf(control) !== state && control.closest('[aria-sort]')) control.click();
  }
}

const inner = () => inPage('main :is(.scroll, .data)');

/** An element as it looks now: [namespace, tag, attributes, children], without what runs or is found by name. */
function pictureOf(made) {
  const attributes = [];
  for (const { name, value } of made.attributes) {
    if (name === 'id') attributes.push([name, 'before-' + value]);
    else if (!/^(on|data-|name$|checked$|selected$|xmlns)/.test(name) && !name.includes(':')) {
      attributes.push([name, value.replaceAll('url(#', 'url(#before-')]);
    }
  }
  // What a reader has chosen is in the elements, not in their attributes.
  for (const chosen of ['checked', 'selected']) if (made[chosen] === true) attributes.push([chosen, '']);
  const children = [];
  for (const child of made.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) children.push(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE && !/^(script|noscript)$/i.test(child.localName)) children.push(pictureOf(child));
  }
  return [made.namespaceURI, made.localName, attributes, children];
}

function remember(since) {
  const states = {};
  let focus = null;
  for (const [key, control] of controls()) {
    states[key] = stateOf(control);
    if (control === document.activeElement) focus = key;
  }
  const view = {
    states, focus, x: scrollX, y: scrollY, inner: inner().map((part) => [part.scrollLeft, part.scrollTop]),
    written: root.dataset.written, since,
  };
  // A picture may be more than the browser stores; then the page is empty until it has been drawn.
  for (const picture of [pictureOf(document.body), null]) {
    try {
      sessionStorage.setItem(VIEW, JSON.stringify({ ...view, picture }));
      return;
    } catch (denied) {
      // The browser's own memory of the place has to do.
    }
  }
}

/** Gives back what was kept, and shows the page in place of its picture. */
function giveBack() {
  if (kept) {
    const all = controls();
    for (const [key, state] of Object.entries(kept.states)) {
      const control = all.get(key);
      if (control && state !== '' && stateOf(control) !== state) setState(control, state);
    }
  }
  document.querySelector('body.before')?.remove();
  root.classList.remove('returning');
  if (!kept) return;
  controls().get(kept.focus)?.focus({ preventScroll: true });
  inner().forEach((part, i) => part.scrollTo(...(kept.inner[i] ?? [0, 0])));
  resizeAll();
  scrollTo({ left: kept.x, top: kept.y, behavior: 'instant' });
  // Until then the browser would go to the place that it remembers, slowly.
  addEventListener('load', () => setTimeout(() => { history.scrollRestoration = 'auto'; }, 500));
}

/** Refreshes the page, after a while and at a moment when nobody is in the middle of something. */
function refreshLater() {
  const seconds = Number(root.dataset.refresh);
  if (!(seconds > 0)) return;
  const since = kept && kept.written === root.dataset.written ? kept.since : Date.now();
  if (Date.now() - since > STALE) {
    byId('following').textContent = 'This page has not been written anew for ten minutes, so it no longer refreshes itself. ' +
      'Start sluice report --follow once more, and load the page.';
    return;
  }
  let last = -QUIET;
  for (const type of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchmove']) {
    addEventListener(type, () => { last = performance.now(); }, { passive: true, capture: true });
  }
  const look = () => {
    if (performance.now() - last > QUIET && getSelection().isCollapsed && !printing && !document.hidden) {
      remember(since);
      location.reload();
    } else {
      setTimeout(look, 500);
    }
  };
  setTimeout(look, 1000 * seconds);
}
