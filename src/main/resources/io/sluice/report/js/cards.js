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
    const token = element(i === at ? 'mark' : 'span', {}, word.replace(/\s+/g, ' '));
    token.style.setProperty('--fires', (max > 0 ? 100 * Math.min(1, fires[i] / max) : 0).toFixed(1) + '%');
    text.append(token);
  });
  return element('li', {},
    element('p', { class: 'cards-number' }, element('b', {}, 'Feature ' + count(feature)), ' on ' + percent(density) + ' of tokens, up to ' + digits3(max)),
    text);
}
