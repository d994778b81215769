// The search and the feature shown, as the page's address has them after its '#'.

const SORTS = ['feature', 'density', 'max', 'similar'];
const RANGES = ['density', 'max', 'similar'];

function readAddress(fragment) {
  const said = new URLSearchParams(fragment.replace(/^#/, ''));
  const sort = said.get('sort') ?? '-density';
  const name = sort.replace(/^-/, '');
  const feature = said.get('feature');
  const place = {
    dictionary: said.get('in') === '2' ? 1 : 0,
    feature: feature !== null && /^\d{1,10}$/.test(feature) ? Number(feature) : null,
    text: (said.get('text') ?? '').slice(0, 200),
    show: ['alive', 'dead'].includes(said.get('show')) ? said.get('show') : 'all',
    sort: SORTS.includes(name) ? name : 'density',
    down: SORTS.includes(name) ? sort.startsWith('-') : true,
  };
  for (const range of RANGES) place[range] = (said.get(range) ?? '..').split('..').map(limit).slice(0, 2);
  return place;
}

function limit(text) {
  const trimmed = text.trim();
  return trimmed !== '' && Number.isFinite(Number(trimmed)) ? Number(trimmed) : null;
}

function writeAddress(place) {
  const said = new URLSearchParams();
  if (place.dictionary === 1) said.set('in', '2');
  if (place.text !== '') said.set('text', place.text);
  if (place.show !== 'all') said.set('show', place.show);
  for (const range of RANGES) {
    const [from, to] = place[range];
    if (from !== null || isNumber(to)) said.set(range, (from ?? '') + '..' + (to ?? ''));
  }
  const sort = (place.down ? '-' : '') + place.sort;
  if (sort !== '-density') said.set('sort', sort);
  if (place.feature !== null) said.set('feature', place.feature);
  return '#' + said.toString().replaceAll('%2E', '.');
}

/** The address of a feature, which keeps the search. */
function addressOf(place, feature) {
  return writeAddress({ ...place, feature });
}

function sameSearch(a, b) {
  return writeAddress({ ...a, feature: null }) === writeAddress({ ...b, feature: null });
}
