// What narrows the list: a text, alive or dead, and limits on the numbers.

const LIMITS = [
  { name: 'density', text: 'Density', unit: 'share of tokens' },
  { name: 'max', text: 'Maximum', unit: 'activation' },
  { name: 'similar', text: 'Similarity', unit: 'cosine with the most similar feature' },
];

/** Fills the form; `change(part)` gets what the person changed. Returns a function that shows a search. */
function narrowing(change) {
  const form = byId('filters');
  const query = byId('query');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    change({ text: query.value, submitted: true });
  });
  query.addEventListener('input', () => change({ text: query.value }));
  const show = chooser('Which features', [
    { value: 'all', text: 'All' }, { value: 'alive', text: 'Alive' }, { value: 'dead', text: 'Dead' },
  ], 'all', (value) => change({ show: value }));
  byId('show').append(show);

  const fields = [];
  for (const { name, text, unit } of LIMITS) {
    const both = ['from', 'to'].map((end, i) => {
      const input = element('input', {
        type: 'text', inputmode: 'decimal', spellcheck: 'false', placeholder: end, maxlength: '24',
        'aria-label': text + ' ' + end + ', ' + unit, id: name + '-' + end,
      });
      input.addEventListener('input', () => {
        const value = limit(input.value);
        const wrong = input.value.trim() !== '' && value === null;
        input.setAttribute('aria-invalid', String(wrong));
        if (!wrong) change({ range: name, end: i, value });
      });
      return input;
    });
    fields.push({ name, both });
    byId('ranges').append(
      element('div', { class: 'range' }, element('span', { title: unit }, text), both[0], element('span', { 'aria-hidden': 'true' }, '–'), both[1]));
  }
  const clear = element('button', { type: 'button', class: 'plain', id: 'clear' }, 'Clear all');
  clear.addEventListener('click', () => change({ clear: true }));
  byId('ranges').append(clear);

  return (search) => {
    if (query.value !== search.text) query.value = search.text;
    show.choose(search.show);
    for (const { name, both } of fields) {
      both.forEach((input, i) => {
        const value = search[name][i];
        if (limit(input.value) !== value) {
          input.value = value === null ? '' : String(Number(value.toPrecision(3)));
          input.setAttribute('aria-invalid', 'false');
        }
      });
    }
    clear.disabled = search.text === '' && search.show === 'all' && RANGES.every((name) => search[name].every((value) => value === null));
  };
}
