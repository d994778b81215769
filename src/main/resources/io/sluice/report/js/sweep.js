// Sweeps: what becomes of dead features and of the error as dictionaries grow, and why features die.

function sweepFigures(sweeps) {
  show('sweep');
  sweeps.forEach((sweep, number) => {
    const at = sweeps.length > 1 ? '-' + (number + 1) : '';
    const about = sweeps.length > 1 ? ' (sweep ' + (number + 1) + ')' : '';
    sweepTable(sweep, about);
    scalingFigure(sweep, 'dead', at, {
      title: 'Dead features by dictionary size' + about, axis: 'share of the features', text: percent1,
      note: 'No firing in the last ' + count(sweep.deadWindowTokens) + ' tokens of training; bars are standard errors over seeds',
      yAxis: { type: 'value', min: 0, axisLabel: { formatter: percent } },
    });
    const unseen = sweep.lines.every((l) => l.points.every((p) => isNumber(p.heldOut)));
    scalingFigure(sweep, unseen ? 'heldOut' : 'fvu', at, {
      title: 'Reconstruction error by dictionary size' + about, axis: unseen ? 'FVU, held-out' : fvuOfLastSteps(sweep), text: digits3,
      note: 'Fraction of variance unexplained ' + (unseen ? 'on ' + count(sweep.heldOutTokens) + ' tokens that were never trained on' : 'on tokens trained on') +
        '; bars are standard errors over seeds',
      yAxis: { type: 'value', min: 0, axisLabel: { formatter: (v) => String(Number(v.toPrecision(3))) } },
    });
    if (sweep.shares.length > 0) sharesFigure(sweep, at, about);
  });
}

const fvuOfLastSteps = (sweep) => 'FVU, last ' + count(sweep.fvuSteps) + ' steps';

const withError = (text, value, error) => (isNumber(error) ? text(value) + ' ± ' + text(error) : text(value));

function sweepTable(sweep, about) {
  const rows = sweep.lines.flatMap((line) => line.points.map((p) => ({ ...p, name: line.name })));
  const made = table([
    { name: 'Cells', text: (r) => r.name, value: (r) => r.name },
    { name: 'Features', text: (r) => count(r.features), value: (r) => r.features },
    { name: 'Seeds', text: (r) => count(r.seeds), value: (r) => r.seeds },
    { name: 'Dead', text: (r) => withError(percent1, r.dead, r.deadError), value: (r) => r.dead, best: 'least' },
    ...(rows.some((r) => isNumber(r.heldOut))
      ? [{ name: 'FVU, held-out', text: (r) => withError(decimal3, r.heldOut, r.heldOutError), value: (r) => r.heldOut, best: 'least' }] : []),
    { name: fvuOfLastSteps(sweep), text: (r) => withError(decimal3, r.fvu, r.fvuError), value: (r) => r.fvu, best: 'least' },
    { name: 'L0', text: (r) => decimal1(r.l0), value: (r) => r.l0 },
    ...(rows.some((r) => isNumber(r.stability))
      ? [{ name: 'Cosine of seeds', text: (r) => decimal3(r.stability), value: (r) => r.stability }] : []),
    { name: 'Tokens/s', text: (r) => count(r.tokensPerSecond), value: (r) => r.tokensPerSecond },
  ], rows, { sortable: true, caption: 'Cells of the sweep' + about });
  const note = 'How dictionaries of ' + sweep.hook + ' ended. ' +
    (sweep.heldOutTokens > 0 ? 'Held-out: ' + count(sweep.heldOutTokens) + ' tokens that were never trained on. ' : 'Nothing was held out. ') +
    'The best of a column is bold among cells of one number of features, k and batch. Click a heading to sort.';
  byId('sweep-results').append(
    element('figure', {}, element('figcaption', {}, element('h3', {}, 'The cells' + about), element('p', {}, note)),
      scrolling(made)));
}

function scalingFigure(sweep, column, at, look) {
  const sizes = [...new Set(sweep.lines.flatMap((l) => l.points.map((p) => p.features)))].sort((a, b) => a - b);
  const legend = sweep.lines.map((l, i) => ({ name: l.name, look: lookOfRun(i) }));
  const errorOf = (p) => p[column + 'Error'];
  const pointAt = (l, features) => l.points.find((p) => p.features === features);
  figure(byId('sweep-figures'), {
    id: 'chart-scaling-' + column + at, title: look.title, note: look.note, legend,
    label: () => 'Line chart: ' + look.title.toLowerCase() + '. ' + sweep.lines
      .map((l) => l.name + ' ' + l.points.map((p) => look.text(p[column]) + ' at ' + count(p.features)).join(', ')).join('; ') + '.',
    columns: () => [
      { name: 'Cells', text: (r) => r.name },
      { name: 'Features', text: (r) => count(r.features), value: (r) => r.features },
      { name: look.axis, text: (r) => look.text(r[column]), value: (r) => r[column] },
      { name: 'Standard error', text: (r) => look.text(errorOf(r)), value: errorOf },
    ],
    rows: () => sweep.lines.flatMap((l) => l.points.map((p) => ({ ...p, name: l.name }))),
    option: () => ({
      xAxis: { type: 'category', name: 'features', data: sizes.map(count) },
      yAxis: { name: look.axis, ...look.yAxis },
      series: sweep.lines.flatMap((l, i) => [
        line(l.name, legend[i].look, l.points.map((p) => [sizes.indexOf(p.features), p[column]])),
        errorBars(l.name, legend[i].look, l.points.filter((p) => isNumber(errorOf(p)))
          .map((p) => [sizes.indexOf(p.features), Math.max(0, p[column] - errorOf(p)), p[column] + errorOf(p)])),
      ]),
      tooltip: {
        formatter: (params) => {
          const features = sizes[params[0].dataIndex] ?? sizes[0];
          return tip(count(features) + ' features', sweep.lines.filter((l) => pointAt(l, features)).map((l) => {
            const p = pointAt(l, features);
            return { look: legend[sweep.lines.indexOf(l)].look, name: l.name, value: withError(look.text, p[column], errorOf(p)) };
          }));
        },
      },
    }),
  });
}

/** Upright bars from low to high, as data [place, low, high]. */
function errorBars(name, look, data) {
  return {
    name, type: 'custom', data, silent: true, z: 1, encode: { x: 0, y: [1, 2] },
    renderItem: (params, api) => {
      const [x, low] = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)])[1];
      return { type: 'line', shape: { x1: x, y1: low, x2: x, y2: high }, style: { stroke: colour(look.colour), lineWidth: 1.5, opacity: 0.7 } };
    },
  };
}

function sharesFigure(sweep, at, about) {
  const causes = sweep.shares[0].parts.map((part) => part.cause);
  const legend = sweep.shares.map((share, i) => ({ name: share.name, look: lookOfRun(i) }));
  const rows = sweep.shares.flatMap((share) => share.parts.map((part) => ({ ...part, name: share.name })));
  figure(byId('sweep-figures'), {
    id: 'chart-shares' + at, title: 'Why features die' + about, legend,
    note: 'Share of the dead features that each cause explains: what its remedy saves, averaged over all orders of switching the remedies on',
    label: () => 'Bar chart: share of the dead features by cause. ' + sweep.shares
      .map((s) => s.name + ', of ' + percent(s.baseline) + ' dead: ' + s.parts.map((p) => p.cause + ' ' + percent(p.share)).join(', ')).join('; ') + '.',
    columns: () => [
      { name: 'Cells', text: (r) => r.name },
      { name: 'Cause', text: (r) => r.cause },
      { name: 'Share', text: (r) => percent1(r.share), value: (r) => r.share },
      { name: 'Standard error', text: (r) => percent1(r.error), value: (r) => r.error },
    ],
    rows: () => rows,
    option: () => ({
      xAxis: { type: 'category', data: causes, axisLabel: { interval: 0, hideOverlap: false, lineHeight: 16, formatter: (cause) => cause.replace(' ', '\n') } },
      yAxis: { type: 'value', name: 'share of the dead features', axisLabel: { formatter: percent } },
      series: sweep.shares.map((share, i) => ({
        name: share.name, type: 'bar', barMaxWidth: 40, data: share.parts.map((part) => part.share),
        itemStyle: { color: colour(legend[i].look.colour) },
      })),
      tooltip: {
        formatter: (params) => {
          const cause = causes[params[0].dataIndex];
          return tip(cause, sweep.shares.map((share, i) => {
            const part = share.parts.find((p) => p.cause === cause);
            return { look: legend[i].look, name: share.name, value: withError(percent1, part.share, part.error) };
          }));
        },
      },
    }),
  });
}
