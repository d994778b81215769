// Dimension by layer, spectra, cumulative variance.

const kindsOf = (places) => {
  const found = new Set(places.map((place) => place.kind));
  return [...KINDS.filter((kind) => found.has(kind)), ...[...found].filter((kind) => !KINDS.includes(kind))];
};
const layersOf = (items) => [...new Set(items.map((item) => item.layer))].sort((a, b) => a - b);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function legendOfKinds(kinds) {
  return kinds.map((kind) => ({ name: kind, look: lookOfKind(kind, kinds.filter((k) => !KINDS.includes(k))) }));
}

/** A chart of one share per layer, one line per entry of `legend`; items have {kind, layer}. */
function byLayer(items, legend, layers, share, amount) {
  const at = (kind, layer) => items.find((item) => item.kind === kind && item.layer === layer);
  return {
    xAxis: { type: 'category', data: layers.map(String), name: 'layer', boundaryGap: layers.length === 1 },
    yAxis: { type: 'value', min: 0, max: 1, name: 'share of the width', axisLabel: { formatter: percent } },
    series: legend.map(({ name, look }) =>
      line(name, look, layers.map((layer) => share(at(name, layer) ?? {}) ?? null), {
        connectNulls: true, ...(layers.length > 16 ? { symbolSize: 5 } : {}),
      })),
    tooltip: {
      formatter: (params) => {
        const layer = layers[params[0].dataIndex];
        return tip('Layer ' + layer, legend
          .map(({ name, look }) => ({ look, name, item: at(name, layer) }))
          .filter(({ item }) => item && isNumber(share(item)))
          .map(({ look, name, item }) => ({
            look, name, more: amount(item) + ' of ' + count(item.width), value: percent1(share(item)),
          })));
      },
    },
  };
}

function dimensionFigures(geometry, onLayer) {
  show('dimension');
  const { places, tau } = geometry;
  const kinds = kindsOf(places);
  const layers = layersOf(places);
  const legend = legendOfKinds(kinds);
  const ordered = [...places].sort((a, b) => a.layer - b.layer || kinds.indexOf(a.kind) - kinds.indexOf(b.kind));
  const columns = () => [
    { name: 'Hook point', text: (p) => p.kind + ', layer ' + p.layer },
    { name: 'd', text: (p) => count(p.width), value: (p) => p.width },
    { name: 'k at ' + percent(tau), text: (p) => count(p.dimension), value: (p) => p.dimension },
    { name: 'k / d', text: (p) => percent1(p.dimensionShare), value: (p) => p.dimensionShare },
    { name: 'Effective rank', text: (p) => decimal1(p.rank), value: (p) => p.rank },
    { name: 'over d', text: (p) => percent1(p.rankShare), value: (p) => p.rankShare },
    { name: 'Participation ratio', text: (p) => decimal1(p.participationRatio), value: (p) => p.participationRatio },
    { name: 'Stable rank', text: (p) => decimal1(p.stableRank), value: (p) => p.stableRank },
    ...(places.some((p) => isNumber(p.outlierSeverity))
      ? [{ name: 'γ', text: (p) => decimal3(p.outlierSeverity), value: (p) => p.outlierSeverity }] : []),
  ];
  const words = (share) => kinds
    .map((kind) => [kind, places.filter((p) => p.kind === kind).map(share).filter(isNumber)])
    .filter(([, shares]) => shares.length > 0)
    .map(([kind, shares]) => kind + ' ' + percent(mean(shares)))
    .join(', ');
  const onClick = (event) => onLayer(layers[event.dataIndex]);
  const home = byId('dimension-figures');
  figure(home, {
    id: 'chart-dimension', title: 'Intrinsic dimension by layer', legend, columns, onClick,
    note: 'Share of the directions that hold ' + percent(tau) + ' of the variance',
    label: () => 'Line chart: intrinsic dimension over width by layer. Means over the layers: ' + words((p) => p.dimensionShare) + '.',
    rows: () => ordered,
    option: () => byLayer(places, legend, layers, (p) => p.dimensionShare, (p) => count(p.dimension)),
  });
  if (places.some((place) => isNumber(place.rankShare))) {
    figure(home, {
      id: 'chart-rank', title: 'Effective rank by layer', legend, columns, onClick,
      note: 'Entropy of the singular values, as a share of the width',
      label: () => 'Line chart: effective rank over width by layer. Means over the layers: ' + words((p) => p.rankShare) + '.',
      rows: () => ordered,
      option: () => byLayer(places, legend, layers, (p) => p.rankShare, (p) => decimal1(p.rank)),
    });
  }
  expectedDeadTable(home, places);
}

/** The dead features that are predicted for new dictionaries, if any are. */
function expectedDeadTable(home, places) {
  const rows = places.flatMap((p) => (p.expectedDead ?? []).map((dead) => ({ ...dead, hook: p.kind + ', layer ' + p.layer })));
  if (rows.length === 0) return;
  const start = (r) => (r.init === 'asi' ? 'ASI' : 'random') + (r.centred ? ', centred' : '');
  const made = table([
    { name: 'Hook point', text: (r) => r.hook, value: (r) => r.hook },
    { name: 'Features', text: (r) => count(r.features), value: (r) => r.features },
    { name: 'k', text: (r) => count(r.k), value: (r) => r.k },
    { name: 'First tokens', text: (r) => count(r.tokens), value: (r) => r.tokens },
    { name: 'Start', text: start, value: start },
    { name: 'Never fire', text: (r) => percent1(r.share), value: (r) => r.share },
  ], rows, { sortable: true, caption: 'Expected dead features' });
  const note = 'Expected share of a new dictionary’s features that fire on none of its first tokens if its rows stay as they start, ' +
    'from mean and covariance alone. Click a heading to sort.';
  home.append(
    element('figure', {}, element('figcaption', {}, element('h3', {}, 'Expected dead features'), element('p', {}, note)), scrolling(made)));
}

/** The two charts of one layer's spectra; returns a function that chooses the layer. */
function spectrumFigures(geometry) {
  show('spectra');
  const { places, projections, tau } = geometry;
  const layers = layersOf(places);
  let layer = layers.length > 2 ? layers[Math.floor(layers.length / 2)] : layers[0];
  const kinds = kindsOf(places);
  const withWeights = projections.length > 0;
  const legend = legendOfKinds(withWeights ? [...kinds, 'W_O'] : kinds);
  const curves = () => {
    const here = places.filter((place) => place.layer === layer);
    const matrix = projections.filter((p) => p.layer === layer).map((p) => ({ ...p, kind: 'W_O' }));
    return [...here, ...matrix]
      .map((item) => ({ ...item, look: legend.find((entry) => entry.name === item.kind).look }))
      .sort((a, b) => legend.findIndex((e) => e.name === a.kind) - legend.findIndex((e) => e.name === b.kind));
  };
  const rows = () => curves().flatMap(({ kind, curve }) =>
    curve.index.map((index, i) => ({ kind, index, share: curve.share[i], cumulative: curve.cumulative[i] })));
  const columns = () => [
    { name: 'Hook point', text: (r) => r.kind + ', layer ' + layer },
    { name: 'Direction', text: (r) => count(r.index), value: (r) => r.index },
    { name: 'Share of variance', text: (r) => digits3(r.share), value: (r) => r.share },
    { name: 'Up to here', text: (r) => percent1(r.cumulative), value: (r) => r.cumulative },
  ];
  const home = byId('spectra-figures');
  const weights = withWeights ? '; for W_O, its squared singular values' : '';
  figure(home, {
    id: 'chart-spectrum', title: 'Variance by direction', legend, columns, rows,
    note: () => 'Layer ' + layer + ', logarithmic: eigenvalues of the covariance over their sum' + weights,
    label: () => 'Line chart with a logarithmic axis: share of the variance by direction in layer ' + layer + '.',
    option: () => spectrumOption(curves()),
  });
  figure(home, {
    id: 'chart-cumulative', title: 'Cumulative variance', legend, columns, rows,
    note: () => 'Layer ' + layer + '. Marked: where each curve reaches τ = ' + percent(tau),
    label: () => 'Line chart: cumulative variance by share of the directions in layer ' + layer + '. ' +
      curves().map((c) => c.kind + ' reaches ' + percent(tau) + ' at ' + percent(c.dimensionShare)).join(', ') + '.',
    option: () => cumulativeOption(curves(), tau),
  });
  const choose = (next) => {
    layer = next;
    for (const id of ['chart-spectrum', 'chart-cumulative']) charts.get(id).redraw();
  };
  const layerChooser = chooser('Layer of the spectra', layers.map((l) => ({ value: l, text: String(l) })), layer, choose);
  if (layers.length > 1) byId('spectra-layer').append('Layer', layerChooser);
  return (next) => {
    layerChooser.choose(next);
    choose(next);
  };
}

const nearest = (sorted, x) => {
  let best = 0;
  for (let i = 1; i < sorted.length; i++) if (Math.abs(sorted[i] - x) < Math.abs(sorted[best] - x)) best = i;
  return best;
};

function spectrumOption(curves) {
  const positive = curves.flatMap((c) => c.curve.share).filter((share) => share > 0);
  // Directions with no variance at all are rounding noise; they must not stretch the axis.
  const floor = Math.max(1e-8, 10 ** Math.floor(Math.log10(Math.min(...positive, 1))));
  return {
    xAxis: { type: 'value', name: 'direction, strongest first', min: 1, max: Math.max(...curves.map((c) => c.width)), splitLine: { show: false } },
    yAxis: {
      type: 'log', min: floor, max: 10 ** Math.ceil(Math.log10(Math.max(...positive, floor * 10))),
      name: 'share of the variance', axisLabel: { formatter: (v) => tenToThe(Math.round(Math.log10(v))) },
    },
    series: curves.map((c) =>
      line(c.kind, c.look, c.curve.index.map((index, i) => [index, c.curve.share[i] >= floor ? c.curve.share[i] : null]), { showSymbol: false })),
    tooltip: {
      formatter: (params) => {
        const index = params[0].value[0];
        return tip('Direction ' + count(index), curves.map((c) => ({
          look: c.look, name: c.kind, value: digits3(c.curve.share[nearest(c.curve.index, index)]),
        })));
      },
    },
  };
}

function cumulativeOption(curves, tau) {
  const series = curves.map((c) =>
    line(c.kind, c.look, [[0, 0], ...c.curve.index.map((index, i) => [index / c.width, c.curve.cumulative[i]])], {
      showSymbol: false,
      markPoint: isNumber(c.dimensionShare) ? {
        symbol: c.look.symbol, symbolSize: 10, label: { show: false }, animation: false,
        itemStyle: { color: colour(c.look.colour), borderColor: colour('card'), borderWidth: 1.5 },
        data: [{ coord: [c.dimensionShare, c.curve.cumulative[nearest(c.curve.index, c.dimension)]] }],
      } : undefined,
    }));
  series.push({
    name: 'tau', type: 'line', data: [], silent: true,
    markLine: {
      silent: true, symbol: 'none', animation: false, data: [{ yAxis: tau }],
      lineStyle: { color: colour('ink'), width: 1, type: [3, 3], opacity: 0.65 },
      label: { formatter: 'τ', position: 'end', color: colour('soft'), fontSize: 13 },
    },
  });
  return {
    xAxis: { type: 'value', name: 'directions kept, share of the width', min: 0, max: 1, splitLine: { show: false }, axisLabel: { formatter: percent } },
    yAxis: { type: 'value', name: 'variance held', min: 0, max: 1, axisLabel: { formatter: percent } },
    series,
    tooltip: {
      formatter: (params) => {
        const x = params[0].value[0];
        return tip(percent1(x) + ' of the directions', curves.map((c) => ({
          look: c.look, name: c.kind, value: percent1(x === 0 ? 0 : c.curve.cumulative[nearest(c.curve.index, x * c.width)]),
        })));
      },
    },
  };
}
