// Where features come from: the server of this page, or the page itself.

/**
 * A source has {summary, columns, feature(id), find(text)} of the first dictionary (0) or the
 * second; find gives a bit for each row.
 */
async function openSource(data, dictionary) {
  return data.list ? embedded(data) : served(data, dictionary === 0 ? '' : '2/');
}

async function served(data, folder) {
  const [bytes, tokens] = await Promise.all([
    answer(folder + 'columns').then((response) => response.arrayBuffer()),
    answer(folder + 'tokens').then((response) => response.json()),
  ]);
  const n = new Uint32Array(bytes, 0, 1)[0];
  const peaks = new Int32Array(bytes, 4 + 12 * n, 3 * n);
  const columns = columnsOf({
    ids: null,
    density: new Float32Array(bytes, 4, n),
    max: new Float32Array(bytes, 4 + 4 * n, n),
    similar: new Float32Array(bytes, 4 + 8 * n, n),
    dead: new Uint8Array(bytes, 4 + 24 * n, n),
    peaks: (row) =>
      Array.from(peaks.subarray(3 * row, 3 * row + 3)).filter((id) => id >= 0)
        .map((id) => tokens[id] ?? '<' + id + '>'),
  });
  return {
    summary: data.summary,
    columns,
    feature: async (id) => (await answer(folder + 'feature/' + id)).json(),
    async find(text) {
      const response = await answer(folder + 'search?text=' + encodeURIComponent(text));
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

async function answer(name) {
  let response;
  try {
    response = await fetch(name, { cache: 'no-store', credentials: 'omit' });
  } catch (gone) {
    throw new Error('sluice browse does not answer; start it again');
  }
  if (!response.ok) throw new Error((await response.text()).trim() || 'sluice browse answered ' + response.status);
  return response;
}

function embedded({ summary, list, features }) {
  for (const feature of features) {
    for (const context of [...feature.top, ...feature.lower]) {
      context.tokens = context.tokens.map(([text, activation = 0]) => ({ text, activation }));
    }
  }
  const byNumber = new Map(features.map((feature) => [feature.feature, feature]));
  const columns = columnsOf({
    ids: list.feature,
    density: Float32Array.from(list.density),
    max: Float32Array.from(list.max),
    similar: Float32Array.from(list.similar, (value) => value ?? NaN),
    dead: Uint8Array.from(list.dead),
    peaks: (row) => peakTexts(byNumber.get(list.feature[row])).slice(0, 3),
  });
  return {
    summary,
    columns,
    async feature(id) {
      if (!byNumber.has(id)) throw new Error('this file does not hold feature ' + id);
      return byNumber.get(id);
    },
    async find(text) {
      const wanted = text.toLowerCase();
      const bits = new Uint8Array((columns.n + 7) >> 3);
      list.feature.forEach((id, row) => {
        if (byNumber.get(id).top.some((context) => firesOn(context, wanted))) bits[row >> 3] |= 1 << (row & 7);
      });
      return bits;
    },
  };
}

/** The tokens on which a feature fires most, each once, the strongest first. */
function peakTexts(feature) {
  return [...new Set(feature.top.map((context) => context.tokens[context.position - context.first]?.text ?? ''))];
}

/** Whether a context has the text at the token on which the feature fires. */
function firesOn(context, wanted) {
  const peak = context.position - context.first;
  const texts = context.tokens.map((token) => token.text.toLowerCase());
  const start = texts.slice(0, peak).join('').length;
  const end = start + (texts[peak] ?? '').length;
  const all = texts.join('');
  for (let at = all.indexOf(wanted); at >= 0; at = all.indexOf(wanted, at + 1)) {
    if (at < end && at + wanted.length > start) return true;
  }
  return false;
}
