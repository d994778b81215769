// The texts in which a feature fires, the activation of each token as its colour.

/** Tokens on either side of the strongest that a closed context shows. */
const NARROW = matchMedia('(max-width: 40rem)');
const near = () => (NARROW.matches ? 7 : 13);

/** Contexts that are made at once; those after them follow when these are drawn. */
const AT_ONCE = 8;

/** What the tokens of a text say when the mouse is over them: one listener for all texts. */
const told = new WeakMap();

function tellTokens(list) {
  list.addEventListener('pointerover', ({ target }) => {
    if (target.classList.contains('t')) told.get(target.closest('.tokens'))?.(target);
  });
  list.addEventListener('pointerout', ({ target }) => {
    if (!target.classList.contains('t')) return;
    hideTip();
    target.closest('.tokens').classList.remove('from');
  });
}

/** The card with all contexts of a feature. */
function contextsCard(feature) {
  const card = element('section', { class: 'card contexts', 'aria-labelledby': 'contexts-title' });
  const list = element('ol', { class: 'context-list' });
  const kinds = [
    { value: 'top', text: 'Strongest', contexts: feature.top },
    { value: 'lower', text: 'Weaker', contexts: feature.lower ?? [] },
  ].filter((kind) => kind.contexts.length > 0);
  const sourced = feature.top.some((context) => context.sources?.length > 0);
  const toggle = element('button', { type: 'button', class: 'plain', id: 'open-all', 'aria-expanded': 'false' }, 'Open all');
  let filled = 0;
  const fill = (kind) => {
    const turn = ++filled;
    const contexts = kinds.find((each) => each.value === kind)?.contexts ?? [];
    const items = (from, to) => contexts.slice(from, to).map((context, i) => contextItem(context, from + i, feature));
    const asAsked = () => openAll(list, toggle, toggle.getAttribute('aria-expanded') === 'true');
    list.replaceChildren(...items(0, AT_ONCE));
    asAsked();
    if (contexts.length > AT_ONCE) {
      setTimeout(() => {
        if (turn !== filled) return;
        list.append(...items(AT_ONCE));
        asAsked();
      });
    }
  };
  toggle.addEventListener('click', () => openAll(list, toggle, toggle.getAttribute('aria-expanded') !== 'true'));
  const controls = element('div', { class: 'controls' },
    kinds.length > 1 ? chooser('Which contexts', kinds, 'top', fill) : null,
    sourced ? chooser('What the colours show', [
      { value: 'fires', text: 'Activation' }, { value: 'from', text: 'Where it came from' },
    ], 'fires', (value) => list.classList.toggle('from', value === 'from')) : null,
    kinds.length > 0 ? toggle : null);
  card.append(
    element('div', { class: 'card-head' },
      element('div', {}, element('h2', { id: 'contexts-title' }, 'Contexts'),
        element('p', {}, kinds.length === 0 ? 'It fires on no token of the store.'
          : 'The texts around tokens on which it fires; a stronger colour is a larger activation.' +
            (sourced ? ' Underlined: where attention read what it wrote here.' : ''))), controls),
    list);
  tellTokens(list);
  if (kinds.length > 0) fill(kinds[0].value);
  return card;
}

function openAll(list, toggle, open) {
  toggle.setAttribute('aria-expanded', String(open));
  toggle.textContent = open ? 'Close all' : 'Open all';
  for (const button of list.querySelectorAll('.open')) setOpen(button, open);
}

function setOpen(button, open) {
  button.setAttribute('aria-expanded', String(open));
  button.textContent = open ? 'Less' : 'More';
  button.closest('li').classList.toggle('opened', open);
}

function contextItem(context, i, feature) {
  const peak = context.position - context.first;
  const place = (context.document ?? 'row ' + count(context.row)) + (context.document ? ', token ' + count(context.position) : '');
  const text = textOf(context, peak, feature);
  const far = peak > near() || context.tokens.length - 1 - peak > near();
  const more = element('button', { type: 'button', class: 'plain open', 'aria-expanded': 'false', 'aria-label': 'More of context ' + (i + 1) }, 'More');
  more.addEventListener('click', () => setOpen(more, more.getAttribute('aria-expanded') !== 'true'));
  const outside = elsewhere(context);
  return element('li', { class: 'context' },
    element('div', { class: 'context-head' },
      meter(feature.max > 0 ? context.activation / feature.max : 0),
      element('strong', {}, digits3(context.activation)),
      element('span', { class: 'place' }, element('bdi', {}, visible(place))),
      far ? more : null),
    text,
    outside === null ? null : element('p', { class: 'outside' }, outside));
}

function textOf(context, peak, feature) {
  const shown = context.tokens.map((token) => visible(token.text));
  const text = element('p', {
    class: 'tokens', tabindex: '0', role: 'group',
    'aria-label': 'Fires ' + digits3(context.activation) + ' on ' + word(context.tokens[peak]?.text ?? '') + ': ' + shown.join(''),
  });
  const from = sourcesByToken(context);
  const most = from.reduce((largest, source) => Math.max(largest, Math.abs(source.sum)), 1e-30);
  const spans = context.tokens.map((token, i) => {
    const span = document.createElement(i === peak ? 'mark' : 'span');
    span.className = 't';
    span.textContent = shown[i].slice(gap(token).length);
    if (token.activation > 0 && feature.max > 0) {
      span.style.setProperty('--fires', (100 * Math.min(1, token.activation / feature.max)).toFixed(1) + '%');
      span.classList.add('fires');
    }
    if (from[i].sum !== 0) {
      span.style.setProperty('--part', (100 * Math.min(1, Math.abs(from[i].sum) / most)).toFixed(1) + '%');
      span.classList.add(from[i].sum > 0 ? 'gives' : 'takes');
    }
    return span;
  });
  const tell = (i) => tokenTip(spans[i], context.tokens[i], from[i], i === peak, context);
  told.set(text, (span) => {
    const i = spans.indexOf(span);
    tell(i);
    if (i === peak) text.classList.toggle('from', (context.sources?.length ?? 0) > 0);
  });
  // A space before a word stays outside its colour: a line may break there. What a closed context
  // hides is one element on either side, as few as can be: most of the time goes into elements.
  const pieces = (from, to) => spans.slice(from, to).flatMap((span, i) => [gap(context.tokens[from + i]), span]);
  const start = Math.max(0, peak - near());
  const end = Math.min(spans.length, peak + near() + 1);
  text.append(...(start > 0 ? [cut('…'), element('span', { class: 'far' }, ...pieces(0, start))] : []), ...pieces(start, end),
    ...(end < spans.length ? [element('span', { class: 'far' }, ...pieces(end, spans.length)), cut(gap(context.tokens[end]) + '…')] : []));
  walkTokens(text, spans, peak, tell);
  return text;
}

/** Where a closed context has more. */
function cut(dots) {
  return element('span', { class: 'cut', 'aria-hidden': 'true' }, dots);
}

/** The space before a token's word; none if the token is nothing but spaces. */
function gap(token) {
  return token.text.trim() === '' ? '' : /^ */.exec(token.text)[0];
}

/** What each token of the window gave to the activation, over all heads. */
function sourcesByToken(context) {
  const from = context.tokens.map(() => ({ sum: 0, heads: [] }));
  for (const { position, head, contribution } of context.sources ?? []) {
    const source = from[position - context.first];
    if (!source) continue;
    source.sum += contribution;
    if (head !== undefined) source.heads.push({ head, contribution });
  }
  return from;
}

/** What came from tokens that the window does not show, as a sentence; null if nothing did. */
function elsewhere(context) {
  const out = (context.sources ?? []).filter(({ position }) => position < context.first || position >= context.first + context.tokens.length);
  const rest = (context.rest ?? 0) + (context.bias ?? 0);
  if (out.length === 0 && Math.abs(rest) < 5e-4 * Math.abs(context.activation)) return null;
  const byPosition = new Map();
  for (const { position, contribution } of out) byPosition.set(position, (byPosition.get(position) ?? 0) + contribution);
  const sum = [...byPosition.values()].reduce((a, b) => a + b, 0);
  const largest = [...byPosition].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3);
  const words = [];
  if (largest.length > 0) {
    words.push(signed(sum) + ' from tokens outside this text (' +
      largest.map(([position, value]) => (position < 0 ? 'a special token' : 'token ' + count(position)) + ' ' + signed(value)).join(', ') + ')');
  }
  if (Math.abs(rest) >= 5e-4 * Math.abs(context.activation)) words.push(signed(rest) + ' from biases and smaller parts');
  return words.join('; ') + '.';
}

function tokenTip(span, token, from, isPeak, context) {
  const rows = [['Activation', token.activation > 0 ? digits3(token.activation) : '0']];
  if (from.sum !== 0) {
    rows.push(['Given to the marked token', signed(from.sum)]);
    const heads = [...from.heads].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
    for (const { head, contribution } of heads.slice(0, 4)) rows.push(['through head ' + head, signed(contribution)]);
  }
  if (isPeak && context.sources?.length > 0) {
    const heads = new Map();
    for (const { head, contribution } of context.sources) if (head !== undefined) heads.set(head, (heads.get(head) ?? 0) + contribution);
    for (const [head, sum] of [...heads].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 4)) rows.push(['written by head ' + head, signed(sum)]);
  }
  showTip(span, element('b', {}, element('bdi', {}, word(token.text))), tipRows(rows));
  return rows;
}

/** Arrow keys move from token to token and read out what each has. */
function walkTokens(text, spans, peak, tell) {
  let at = -1;
  const go = (i) => {
    spans[at]?.classList.remove('at');
    at = i;
    spans[at]?.classList.add('at');
    if (at < 0) {
      hideTip();
      return;
    }
    const rows = tell(at);
    announce(word(spans[at].textContent) + ': ' + rows.map(([name, value]) => name + ' ' + value).join(', '));
  };
  text.addEventListener('keydown', (event) => {
    const shown = (i) => i >= 0 && i < spans.length && spans[i].offsetParent !== null && spans[i].getClientRects().length > 0;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      event.preventDefault();
      const next = at < 0 ? peak : at + (event.key === 'ArrowRight' ? 1 : -1);
      if (shown(next)) go(next);
    } else if (event.key === 'Escape' && at >= 0) {
      event.stopPropagation();
      go(-1);
    }
  });
  text.addEventListener('blur', () => go(-1));
}
