// The output projection: what it does to the dimension, and how its heads overlap.

function causeFigures({ places, projections, tau }) {
  const home = byId('cause-figures');
  byId('cause').hidden = false;
  squeezeFigure(home, places, projections, tau);
  const square = projections.filter((p) => p.overlap);
  if (square.length > 0) overlapFigure(home, square);
  byId('cause').hidden = home.children.length === 0;
}

function squeezeFigure(home, places, projections, tau) {
  const items = [
    ...places.filter((p) => p.kind === 'z' || p.kind === 'attn_out'),
    ...projections.filter((p) => isNumber(p.dimensionShare)).map((p) => ({ ...p, kind: 'W_O' })),
  ];
  const kinds = ['z', 'W_O', 'attn_out'].filter((kind) => items.some((item) => item.kind === kind));
  if (kinds.length < 2) return;
  const layers = layersOf(items);
  const legend = legendOfKinds(kinds);
  figure(home, {
    id: 'chart-squeeze', title: 'Before, in and after the output projection', legend,
    note: 'Share of the directions that hold ' + percent(tau) + ' of the variance; for W_O, of its squared singular values',
    label: () => 'Line chart: intrinsic dimension over width by layer, means ' + kinds.map((kind) =>
      kind + ' ' + percent(mean(items.filter((i) => i.kind === kind).map((i) => i.dimensionShare)))).join(', ') + '.',
    columns: () => [
      { name: 'Place', text: (p) => p.kind + ', layer ' + p.layer },
      { name: 'd', text: (p) => count(p.width), value: (p) => p.width },
      { name: 'k at ' + percent(tau), text: (p) => count(p.dimension), value: (p) => p.dimension },
      { name: 'k / d', text: (p) => percent1(p.dimensionShare), value: (p) => p.dimensionShare },
      { name: 'Effective rank', text: (p) => decimal1(p.rank), value: (p) => p.rank },
      { name: 'over d', text: (p) => percent1(p.rankShare), value: (p) => p.rankShare },
    ],
    rows: () => [...items].sort((a, b) => a.layer - b.layer || kinds.indexOf(a.kind) - kinds.indexOf(b.kind)),
    option: () => byLayer(items, legend, layers, (p) => p.dimensionShare, (p) => count(p.dimension)),
  });
}

function overlapFigure(home, projections) {
  const layers = layersOf(projections);
  let current = projections.find((p) => p.layer === layers[Math.floor(layers.length / 2)]);
  const pairs = (p) => p.overlap.flatMap((row, i) => row.map((overlap, j) => ({ i, j, overlap })));
  const apart = (p) => pairs(p).filter(({ i, j }) => i !== j).map(({ overlap }) => overlap);
  const everywhere = projections.flatMap(apart);
  // One scale for all layers, so that their pictures compare.
  const most = Math.max(...everywhere, 1e-6);
  const least = Math.min(...everywhere, most);
  const layerChooser = chooser('Layer of the head overlap', layers.map((l) => ({ value: l, text: String(l) })), current.layer, (layer) => {
    current = projections.find((p) => p.layer === layer);
    charts.get('chart-overlap').redraw();
  });
  const chance = () => (isNumber(current.chance) ? '; by chance ' + decimal3(current.chance) : '');
  const average = () => (apart(current).length > 0 ? decimal3(mean(apart(current))) : NONE);
  figure(home, {
    id: 'chart-overlap', title: 'Overlap of the heads’ output subspaces', square: true,
    controls: layers.length > 1 ? element('div', { class: 'chooser' }, 'Layer', layerChooser) : null,
    note: () => 'Layer ' + current.layer + ': mean squared cosine, ' + average() + ' on average' + chance(),
    label: () => 'Heat map: overlap between each pair of the ' + current.heads + ' heads of layer ' + current.layer + ', ' + average() + ' on average' + chance() + '.',
    columns: () => [
      { name: 'Heads', text: (r) => r.i + ' and ' + r.j },
      { name: 'Overlap', text: (r) => decimal3(r.overlap), value: (r) => r.overlap },
    ],
    rows: () => pairs(current).filter(({ i, j }) => i < j),
    option: () => overlapOption(current, pairs(current), least, most),
  });
}

function overlapOption(projection, pairs, least, most) {
  const heads = projection.overlap.map((_, i) => String(i));
  const edge = { borderColor: colour('card'), borderWidth: heads.length > 40 ? 0 : 1, borderRadius: 2 };
  const cells = (keep) => pairs.filter(keep).map(({ i, j, overlap }) => [j, i, overlap]);
  return {
    grid: { left: 8, right: 12, top: 8, bottom: 62, containLabel: true },
    xAxis: { type: 'category', data: heads, name: 'head, against head', splitLine: { show: false }, axisLine: { show: false } },
    yAxis: { type: 'category', data: heads, name: '', inverse: true, splitLine: { show: false }, axisLine: { show: false } },
    visualMap: {
      type: 'continuous', seriesIndex: 0, min: least, max: most, orient: 'horizontal', left: 'center', bottom: 2,
      itemWidth: 11, itemHeight: 170, text: [decimal3(most), decimal3(least)], textGap: 8,
      textStyle: { color: colour('soft'), fontSize: 12 },
      inRange: { color: ['heat-0', 'heat-1', 'heat-2', 'heat-3'].map(colour) },
      outOfRange: { color: colour('card') },
    },
    series: [
      { name: 'overlap', type: 'heatmap', data: cells(({ i, j }) => i !== j), itemStyle: edge, emphasis: { itemStyle: { borderColor: colour('ink'), borderWidth: 1.5 } } },
      { name: 'itself', type: 'heatmap', data: cells(({ i, j }) => i === j), itemStyle: { ...edge, color: colour('heat-self') } },
    ],
    tooltip: {
      trigger: 'item',
      formatter: ({ value }) => (value[0] === value[1] ? aboutHead(projection, value[0]) : tip('Heads ' + value[1] + ' and ' + value[0], [
        { name: 'Overlap', value: decimal3(value[2]) },
        ...(isNumber(projection.chance) ? [{ name: 'By chance', value: decimal3(projection.chance) }] : []),
      ])),
    },
  };
}

function aboutHead(projection, head) {
  const rank = projection.headRank?.[head];
  return tip('Head ' + head, isNumber(rank) ? [{ name: 'Effective rank', value: decimal1(rank) }] : []);
}
