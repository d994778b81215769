// Token texts as people can read them. They come from any text at all and only become text nodes.

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** A token in running text: breaks of a line are shown and kept apart, hidden characters have their codes. */
function visible(text) {
  return text.replace(HIDDEN, (c) => {
    if (c === '\n') return '↵';
    if (c === '\t') return '⇥';
    if (c === '\r') return '␍';
    return '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0');
  });
}

/** A token by itself: spaces around it are left out, and one of spaces alone is shown. */
function word(text) {
  const shown = visible(text);
  return shown.trim() === '' ? (shown === '' ? '∅' : '␣'.repeat(Math.min(shown.length, 4))) : shown.trim();
}

function chip(text) {
  return element('bdi', { class: 'chip' }, word(text));
}

function chips(texts) {
  const all = element('span', { class: 'chips' });
  texts.forEach((text, i) => all.append(...(i > 0 ? [' '] : []), chip(text)));
  return all;
}

/** A density: a share of tokens, or one in so many. */
function densityText(density) {
  if (density === 0) return '0';
  return density >= 0.0001 ? percentOf(density) : power(density);
}

function percentOf(share) {
  const p = 100 * share;
  return (p >= 10 ? p.toFixed(1) : p >= 1 ? p.toFixed(2) : p.toFixed(3)) + THIN + '%';
}

function signed(value, text = digits3) {
  return (value > 0 ? '+' : value < 0 ? '−' : '') + text(Math.abs(value));
}
