// A dozen features of each dictionary, each with the text on which it fires most.

function featureCards(folders) {
  for (const { dictionary, folder, page, features, dead, cards } of folders) {
    byId('feature-cards').append(
      element('div', { class: 'cards-head' },
        element('h3', {}, element('bdi', {}, dictionary)),
        element('p', {}, count(features) + ' features, ' + percent(features > 0 ? dead / features : 0) + ' dead. ',
          page ? element('a', { href: page }, 'Browse features') : null, page ? ', or all of them with ' : 'Browse all of them with ',
          element('code', {}, 'sluice browse --features ' + folder), '.')),
      element('ol', { class: 'cards' }, ...cards.map(featureCard)));
  }
  show('features');
}

function featureCard({ feature, density, max, at, words, fires }) {
  const text = element('p', { class: 'cards-text' });
  words.forEach((word, i) => {
    // A space before a word stays outside its colour: a line may break there.
    const shown = word.replace(/\s+/g, ' ');
    const token = element(i === at ? 'mark' : 'span', {}, shown.trimStart());
    if (i > 0 && shown !== shown.trimStart()) text.append(' ');
    token.style.setProperty('--fires', (max > 0 ? 100 * Math.min(1, fires[i] / max) : 0).toFixed(1) + '%');
    text.append(token);
  });
  return element('li', {},
    element('p', { class: 'cards-number' }, element('b', {}, 'Feature ' + count(feature)), ' on ' + (density < 1e-3 ? 'one token in ' + count(1 / density) : percent(density) + ' of tokens') + ', up to ' + digits3(max)),
    text);
}
