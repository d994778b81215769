// Runs before the first paint: a page that comes back shows itself as it was left, as a picture
// without life, until it has been drawn again. Text becomes text nodes here too, never markup.
(() => {
  const key = 'sluice-view:' + location.pathname;
  let view = null;
  try {
    view = JSON.parse(sessionStorage.getItem(key));
  } catch (denied) {
    // Without storage the browser alone keeps the place on the page.
  }
  if (view === null) return;
  history.scrollRestoration = 'manual';
  const root = document.documentElement;
  root.classList.add('returning');
  if (!view.picture) return;
  const build = (part) => {
    if (typeof part === 'string') return document.createTextNode(part);
    const [namespace, tag, attributes, children] = part;
    const made = document.createElementNS(namespace, tag);
    for (const [name, value] of attributes) made.setAttribute(name, value);
    made.append(...children.map(build));
    return made;
  };
  const before = build(view.picture);
  before.className = 'before';
  before.inert = true;
  root.append(before);
  before.querySelectorAll('main .scroll, main .data').forEach((part, i) => part.scrollTo(...(view.inner[i] ?? [0, 0])));
  scrollTo({ left: view.x, top: view.y, behavior: 'instant' });
})();
