// One tooltip for the page, near what it is about.

function showTip(near, ...content) {
  const tip = byId('tip');
  tip.replaceChildren(...content);
  tip.hidden = false;
  const box = near.getBoundingClientRect?.() ?? near;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), innerWidth - width - 8);
  const above = box.top - height - 8;
  tip.style.left = left + 'px';
  tip.style.top = (above > 52 ? above : box.bottom + 8) + 'px';
}

function hideTip() {
  byId('tip').hidden = true;
}

/** Rows of a tooltip: name and number. */
function tipRows(rows) {
  const body = element('tbody');
  for (const [name, value] of rows) body.append(element('tr', {}, element('td', {}, name), element('td', {}, value)));
  return element('table', {}, body);
}
