// The page of one feature.

/** `on` has {address(id), list, next, previous, peaks(id), known(id), other}; other is null or {name, address(id), known(id)}. */
function featurePage(feature, summary, on) {
  const n = feature.feature;
  const peaks = peakTexts(feature).slice(0, 6);
  const step = (id, text, label) => element('a', {
    class: 'plain step' + (id === null ? ' off' : ''), href: id === null ? null : on.address(id), 'aria-disabled': id === null ? 'true' : null, 'aria-label': label,
  }, text);
  return [
    element('nav', { class: 'steps', 'aria-label': 'Features' },
      element('a', { class: 'plain', href: on.list, id: 'back' }, '← ' + on.listed),
      element('span', { class: 'spring' }),
      step(on.previous, '‹ Previous', 'Previous feature of the list'), step(on.next, 'Next ›', 'Next feature of the list')),
    element('header', { class: 'title' },
      element('h1', { id: 'feature-title', tabindex: '-1' }, 'Feature ' + count(n),
        feature.dead ? element('span', { class: 'badge' }, 'dead') : null),
      peaks.length > 0 ? element('p', { class: 'fires-on' }, 'fires on ', chips(peaks)) : null),
    element('dl', { class: 'tiles small' }, ...tilesOf(feature, summary)),
    element('div', { class: 'reading' + (feature.top.length === 0 ? ' bare' : '') },
      contextsCard(feature),
      element('div', { class: 'beside' },
        ...[histogramCard(feature), effectsCard(feature), headsCard(feature), matchesCard(feature, on), similarCard(feature, on)].filter((card) => card !== null))),
  ];
}

function tilesOf(feature, summary) {
  const rare = feature.density > 0 ? 'of tokens, one in ' + count(1 / feature.density) : 'of tokens';
  const tiles = [
    ['Density', densityText(feature.density), rare, logShare(feature.density)],
    ['Maximum', digits3(feature.max), 'largest activation'],
    ['Mean', digits3(feature.mean), 'activation where it fires', feature.max > 0 ? feature.mean / feature.max : null],
  ];
  if (isNumber(feature.cosine)) tiles.push(['Cosine', decimal3(feature.cosine), 'of encoder and decoder row', Math.max(0, feature.cosine)]);
  if (isNumber(feature.activeShare)) tiles.push(['Active', percent(feature.activeShare), 'of its direction lies in the active subspace', feature.activeShare]);
  if (isNumber(feature.decoderNorm)) tiles.push(['Norm', digits3(feature.encoderNorm), 'of encoder row; of decoder row ' + digits3(feature.decoderNorm)]);
  return tiles.map(([name, value, note, share]) => element('div', { class: 'tile' },
    element('dt', {}, element('b', {}, name), ' ' + note), element('dd', {}, value),
    isNumber(share) ? meter(share) : null));
}

function card(id, title, note, ...content) {
  return element('section', { class: 'card', 'aria-labelledby': id },
    element('h2', { id }, title), note ? element('p', { class: 'note' }, note) : null, ...content);
}

function histogramCard(feature) {
  const bins = feature.histogram ?? [];
  const first = bins.findIndex((bin) => bin.count > 0);
  if (first < 0) return null;
  const last = bins.findLastIndex((bin) => bin.count > 0);
  const around = Math.max(1, Math.ceil((11 - (last - first)) / 2));
  const shown = bins.slice(Math.max(0, first - around), last + 1 + around);
  const most = Math.max(...shown.map((bin) => bin.count));
  const total = shown.reduce((sum, bin) => sum + bin.count, 0);
  const width = 320;
  const height = 116;
  const step = width / shown.length;
  const picture = svg('svg', {
    viewBox: '0 0 ' + width + ' ' + (height + 20), class: 'histogram', role: 'img',
    'aria-label': 'Histogram of ' + count(total) + ' activations: ' + shown.filter((bin) => bin.count > 0)
      .map((bin) => digits3(bin.from) + ' to ' + digits3(bin.to) + ': ' + count(bin.count)).join('; '),
  });
  shown.forEach((bin, i) => {
    const tall = bin.count === 0 ? 0 : Math.max(1.5, (bin.count / most) * (height - 6));
    const bar = svg('rect', { x: i * step + 1, y: height - tall, width: Math.max(1, step - 2), height: tall, rx: 1.5 });
    const field = svg('rect', { x: i * step, y: 0, width: step, height, class: 'field' });
    field.addEventListener('pointerenter', () => showTip(bar, element('b', {}, digits3(bin.from) + ' to ' + digits3(bin.to)),
      tipRows([['Activations', count(bin.count)], ['Share', percent(bin.count / total)]])));
    field.addEventListener('pointerleave', hideTip);
    picture.append(bar, field);
  });
  picture.append(svg('path', { d: 'M0 ' + (height + 0.5) + 'H' + width, class: 'base' }));
  const every = Math.max(1, Math.ceil(shown.length / 5));
  for (let i = 0; i <= shown.length; i += every) {
    const value = i < shown.length ? shown[i].from : shown.at(-1).to;
    const text = svg('text', { x: i * step, y: height + 15, 'text-anchor': i === 0 ? 'start' : i === shown.length ? 'end' : 'middle' });
    text.textContent = String(Number(value.toPrecision(2)));
    picture.append(text);
  }
  return card('histogram-title', 'Activations', count(total) + ' tokens by the size of the activation, on a logarithmic scale', picture);
}

function effectsCard(feature) {
  const { promotes, suppresses } = feature;
  if (promotes.length === 0 && suppresses.length === 0) return null;
  const most = Math.max(...[...promotes, ...suppresses].map((effect) => Math.abs(effect.logit)), 1e-30);
  const list = (effects, kind) => element('ol', { class: 'effects ' + kind }, ...effects.map((effect) =>
    element('li', { title: 'token ' + effect.id }, tinted(chip(effect.text), Math.abs(effect.logit) / most), element('span', {}, signed(effect.logit)))));
  return card('effects-title', 'Effect on the next token', 'What its direction adds to the logits, up to a positive factor',
    element('div', { class: 'two' },
      element('div', {}, element('h3', {}, 'Promotes'), list(promotes, 'up')),
      element('div', {}, element('h3', {}, 'Suppresses'), list(suppresses, 'down'))));
}

function tinted(made, share) {
  made.style.setProperty('--part', (12 + 55 * share).toFixed(1) + '%');
  return made;
}

function headsCard(feature) {
  const heads = feature.heads ?? [];
  if (heads.length === 0) return null;
  const most = Math.max(...heads.map(Math.abs), 1e-30);
  const what = feature.group === undefined
    ? 'Share of the activation on its strongest contexts that each head writes; biases give the rest'
    : 'Share of what attention writes in its direction, on its strongest contexts, by the model’s heads; biases give the rest. It attends with the queries and keys of group ' + feature.group;
  return card('heads-title', 'Heads', what,
    element('ol', { class: 'heads-list' + (heads.length > 12 ? ' many' : ''), start: '0' }, ...heads.map((share, head) =>
      element('li', { class: share < 0 ? 'negative' : null }, element('span', {}, 'Head ' + head), meter(Math.abs(share) / most),
        element('span', {}, (share < 0 ? '−' : '') + percent(Math.abs(share)))))));
}

function similarCard(feature, on) {
  const similar = feature.similar ?? [];
  if (similar.length === 0) return null;
  return card('similar-title', 'Similar features', 'By the cosine of their decoder rows',
    element('ol', { class: 'similar' }, ...similar.map(({ feature: id, cosine }) =>
      element('li', {},
        on.known(id) ? element('a', { href: on.address(id) }, count(id)) : element('span', {}, count(id)),
        chips(on.peaks(id)), meter(Math.max(0, cosine)), element('span', {}, decimal3(cosine))))));
}

/** The features of the other dictionary that are most like it. */
function matchesCard(feature, on) {
  if (on.other === null) return null;
  const matches = feature.matches ?? [];
  const list = element('ol', { class: 'similar matched' }, ...matches.map(({ feature: id, cosine, peaks, partner, dead }) =>
    element('li', { class: partner ? 'partner' : null, title: partner ? 'its partner one to one' : null },
      on.other.known(id) ? element('a', { href: on.other.address(id) }, count(id)) : element('span', {}, count(id)),
      dead ? element('span', { class: 'badge' }, 'dead') : chips(peaks),
      meter(Math.max(0, cosine)), element('span', {}, decimal3(cosine)))));
  return card('matches-title', 'Best matches in ' + visible(on.other.name),
    matches.length === 0 ? 'No decoder row there points to its side.'
      : 'By the cosine of decoder rows' + (matches.some((match) => match.partner) ? '; marked: its partner if all are matched one to one' : ''),
    ...(matches.length === 0 ? [] : [list]));
}
