// How much of the model's loss comes back with the first k directions of a hook point.

const MOST = 0.9;

// A few directions can be much worse than the mean alone; drawn to scale, that would hide the rest.
const LEAST_DRAWN = -0.4;

function lossFigures(loss) {
  show('loss');
  const { curves } = loss;
  const kinds = curves.map((curve) => curve.kind);
  // Curves of one kind in several layers need looks of their own.
  const apart = new Set(kinds).size === kinds.length;
  const legend = curves.map((curve, i) => ({ name: curve.hook, look: apart ? lookOfKind(curve.kind) : lookOfRun(i) }));
  const lowest = Math.min(0, ...curves.flatMap((curve) => curve.points.map((p) => p.recovered)));
  const rows = curves.flatMap((curve) => curve.points.map((p) => ({ ...p, hook: curve.hook })));
  const at = (curve, share) => curve.points[nearest(curve.points.map((p) => p.share), share)];
  figure(byId('loss-figures'), {
    id: 'chart-loss', title: 'Loss recovered', legend,
    note: 'By the share of the directions kept, over ' + count(loss.tokens) + ' predicted tokens; the model’s own loss is ' + digits3(loss.cleanLoss) + ' nats per token'
      + (lowest < LEAST_DRAWN ? '; what is below ' + percent(LEAST_DRAWN) + ', worse than the mean alone, is not drawn' : ''),
    label: () => 'Line chart: share of the loss recovered by share of the directions kept. ' + curves
      .map((c) => c.hook + (isNumber(c.needed) ? ' recovers ' + percent(MOST) + ' with ' + percent(c.needed) : ' does not reach ' + percent(MOST)))
      .join(', ') + '.',
    columns: () => [
      { name: 'Hook point', text: (r) => r.hook },
      { name: 'k', text: (r) => count(r.k), value: (r) => r.k },
      { name: 'k / d', text: (r) => percent1(r.share), value: (r) => r.share },
      { name: 'Loss', text: (r) => digits3(r.loss), value: (r) => r.loss },
      { name: 'Recovered', text: (r) => percent1(r.recovered), value: (r) => r.recovered },
    ],
    rows: () => rows,
    option: () => lossOption(curves, legend, lowest, at),
  });
  figure(byId('loss-figures'), {
    id: 'chart-needed', title: 'Directions that recover ' + percent(MOST) + ' of the loss',
    note: 'Share of the width, interpolated between the points of the curve',
    label: () => 'Bar chart: ' + curves.map((c) => c.hook + ' ' + percent(c.needed)).join(', ') + '.',
    columns: () => [
      { name: 'Hook point', text: (c) => c.hook },
      { name: 'd', text: (c) => count(c.width), value: (c) => c.width },
      { name: 'k / d for ' + percent(MOST), text: (c) => percent1(c.needed), value: (c) => c.needed },
      { name: 'Loss with the mean alone', text: (c) => digits3(c.ablatedLoss), value: (c) => c.ablatedLoss },
      { name: 'Clean loss', text: () => digits3(loss.cleanLoss), value: () => loss.cleanLoss },
    ],
    rows: () => curves,
    option: () => neededOption(curves, legend, loss),
  });
}

function lossOption(curves, legend, lowest, at) {
  // Fewer directions can predict a little better than all.
  const most = Math.max(1, ...curves.flatMap((curve) => curve.points.map((p) => p.recovered)));
  const highest = most > 1.005 ? 1.2 : 1;
  const series = curves.map((curve, i) =>
    line(curve.hook, legend[i].look, [[0, 0], ...curve.points.map((p) => [p.share, p.recovered])], { showSymbol: curve.points.length < 24 }));
  series.push({
    name: 'most', type: 'line', data: [], silent: true,
    markLine: {
      silent: true, symbol: 'none', animation: false, data: [{ yAxis: MOST }],
      lineStyle: { color: colour('ink'), width: 1, type: [3, 3], opacity: 0.65 },
      label: { formatter: percent(MOST), position: 'insideStartTop', color: colour('soft'), fontSize: 12 },
    },
  });
  return {
    xAxis: { type: 'value', name: 'directions kept, share of the width', min: 0, max: 1, splitLine: { show: false }, axisLabel: { formatter: percent } },
    yAxis: { type: 'value', name: 'loss recovered', min: Math.max(LEAST_DRAWN, Math.floor(lowest * 5) / 5), max: highest, interval: 0.2, axisLabel: { formatter: percent } },
    series,
    tooltip: {
      formatter: (params) => {
        const share = params[0].value[0];
        return tip(percent1(share) + ' of the directions', curves.map((curve, i) => ({
          look: legend[i].look, name: curve.hook,
          more: share === 0 ? 'the mean alone' : 'k ' + count(at(curve, share).k),
          value: share === 0 ? percent1(0) : percent1(at(curve, share).recovered),
        })));
      },
    },
  };
}

function neededOption(curves, legend, loss) {
  return {
    xAxis: {
      type: 'category', data: curves.map((c) => c.hook),
      axisLabel: { interval: 0, lineHeight: 16, formatter: (hook) => hook.replace(/^(layers\.\d+)\./, '$1\n') },
    },
    yAxis: { type: 'value', min: 0, max: 1, name: 'share of the width', axisLabel: { formatter: percent } },
    series: [{
      name: 'needed', type: 'bar', barMaxWidth: 72,
      data: curves.map((c, i) => ({ value: c.needed ?? null, itemStyle: { color: colour(legend[i].look.colour) } })),
      label: { show: true, position: 'top', color: colour('ink'), formatter: (p) => percent(p.value) },
    }],
    tooltip: {
      formatter: (params) => {
        const curve = curves[params[0].dataIndex];
        return tip(curve.hook, [
          { name: 'directions for ' + percent(MOST), value: percent1(curve.needed) },
          { name: 'clean loss', value: digits3(loss.cleanLoss) },
          { name: 'with the mean alone', value: digits3(curve.ablatedLoss) },
        ]);
      },
    },
  };
}
