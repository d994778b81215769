// The runs: their course over the tokens, and how often their features fire.

function trainingFigures(runs) {
  const home = byId('training-figures');
  const legend = runs.map((run, i) => ({ name: run.label, look: lookOfRun(i) }));
  const moving = runs.filter((run) => run.course);
  const has = (column) => moving.some((run) => run.course[column].some(isNumber));
  const points = moving.filter((run) => run.course.heldOut.filter(isNumber).length > 1);
  if (points.length > 0) {
    courseFigure(home, points, legend, 'heldOut', fvuOf('Reconstruction error, held-out', 'on tokens that are never trained on'));
  }
  if (has('fvu')) {
    courseFigure(home, moving, legend, 'fvu', fvuOf('Reconstruction error while training', 'on the tokens being trained on'));
  }
  if (has('dead')) courseFigure(home, moving, legend, 'dead', deadOf());
  const counted = runs.filter((run) => run.evaluation?.frequencyHistogram);
  if (counted.length > 0) frequencyFigure(home, counted, legend);
}

function fvuOf(title, where) {
  return {
    title, axis: 'FVU', text: digits3,
    note: 'Fraction of variance unexplained ' + where + ', against tokens seen; lower is better',
    controls: (redraw) => {
      const scales = [{ value: 'log', text: 'log' }, { value: 'value', text: 'linear' }];
      return chooser('Scale of the error', scales, 'log', redraw);
    },
    yAxis: (values, scale) => {
      if (scale === 'value') return { type: 'value', min: 0, axisLabel: { formatter: (v) => String(Number(v.toPrecision(3))) } };
      const least = Math.min(...values);
      const most = Math.max(...values);
      const base = most / least > 200 ? 10 : 2;
      const to = (round, x) => base ** round(Math.log(x) / Math.log(base) + (round === Math.ceil ? -1e-9 : 1e-9));
      return {
        type: 'log', logBase: base, min: to(Math.floor, least), max: Math.max(to(Math.ceil, most), to(Math.floor, least) * base),
        axisLabel: { formatter: (v) => String(Number(v.toPrecision(3))) },
      };
    },
  };
}

function deadOf() {
  return {
    title: 'Dead features', axis: 'share of the features', text: percent1,
    note: 'Features that did not fire within the dead window, against tokens seen',
    yAxis: (values) => ({
      type: 'value', min: 0, max: Math.max(...values) > 0.5 ? 1 : undefined, minInterval: 0.001, axisLabel: { formatter: percent },
    }),
  };
}

function courseFigure(home, runs, legend, column, look) {
  let scale = 'log';
  const id = 'chart-' + column;
  const values = () => runs.flatMap((run) => run.course[column]).filter((v) => isNumber(v) && (v > 0 || column === 'dead'));
  const lookOf = (run) => legend.find((entry) => entry.name === run.label).look;
  const end = (run) => run.course[column].findLast(isNumber);
  figure(home, {
    id, title: look.title, note: look.note, group: 'course',
    legend: legend.filter((entry) => runs.some((run) => run.label === entry.name)),
    controls: look.controls?.((chosen) => { scale = chosen; charts.get(id).redraw(); }),
    label: () => 'Line chart: ' + look.title.toLowerCase() + ' against tokens seen. At the end: ' +
      runs.map((run) => run.label + ' ' + look.text(end(run))).join('; ') + '.',
    columns: () => [
      { name: 'Run', text: (r) => r.run },
      { name: 'Step', text: (r) => count(r.step), value: (r) => r.step },
      { name: 'Tokens', text: (r) => count(r.tokens), value: (r) => r.tokens },
      { name: look.axis, text: (r) => look.text(r.value), value: (r) => r.value },
    ],
    rows: () => runs.flatMap((run) => run.course.tokens.map((tokens, i) => ({
      run: run.label, tokens, step: run.course.step[i], value: run.course[column][i],
    })).filter((row) => column !== 'heldOut' || isNumber(row.value))),
    option: () => ({
      xAxis: { type: 'value', name: 'tokens', min: 0, max: 'dataMax', splitLine: { show: false }, axisLabel: { formatter: short } },
      yAxis: { name: look.axis, ...look.yAxis(values(), scale) },
      series: runs.map((run) =>
        line(run.label, lookOf(run), run.course.tokens.map((tokens, i) => [tokens, drawable(run.course[column][i], column, scale)]), {
          showSymbol: column === 'heldOut' || run.course.tokens.length < 2, connectNulls: true,
        })),
      tooltip: {
        formatter: (params) => {
          const tokens = params[0].value[0];
          return tip(count(tokens) + ' tokens', runs.map((run) => ({
            look: lookOf(run), name: run.label, value: look.text(valueNear(run, column, tokens)),
          })));
        },
      },
    }),
  });
}

/** The value at the measured place that is nearest. */
function valueNear(run, column, tokens) {
  const measured = run.course.tokens.map((_, i) => i).filter((i) => isNumber(run.course[column][i]));
  return measured.length === 0 ? null
    : run.course[column][measured[nearest(measured.map((i) => run.course.tokens[i]), tokens)]];
}

/** A logarithmic axis has no place for zero. */
function drawable(value, column, scale) {
  return !isNumber(value) || (column !== 'dead' && scale === 'log' && value <= 0) ? null : value;
}

function frequencyFigure(home, runs, legend) {
  const lookOf = (run) => legend.find((entry) => entry.name === run.label).look;
  // More tokens tell more of features that fire seldom.
  const of = (run) => (run.evaluation.trained ?? run.evaluation).frequencyHistogram;
  const read = shared(runs.map((run) => (run.evaluation.trained ?? run.evaluation).tokens));
  // Names of runs have commas of their own.
  const silent = runs.map((run) => run.label + ' ' + count(of(run).neverFired)).join('; ');
  const edgeText = (log10) => (Number.isInteger(log10) ? tenToThe(log10) : power(10 ** log10));
  figure(home, {
    id: 'chart-frequency', title: 'How often features fire',
    note: 'Features by the share of ' + (read === null ? '' : count(read) + ' ') + 'tokens that they fire on. Never fired: ' + silent,
    legend: legend.filter((entry) => runs.some((run) => run.label === entry.name)),
    label: () => 'Histogram: number of features by the share of tokens that they fire on. Never fired: ' + silent + '.',
    columns: () => [
      { name: 'Run', text: (r) => r.run },
      { name: 'From', text: (r) => edgeText(r.from), value: (r) => 10 ** r.from },
      { name: 'To', text: (r) => edgeText(r.to), value: (r) => 10 ** r.to },
      { name: 'Features', text: (r) => count(r.features), value: (r) => r.features },
    ],
    rows: () => runs.flatMap((run) => of(run).counts.map((features, i) => ({
      run: run.label, from: of(run).log10Edges[i], to: of(run).log10Edges[i + 1], features,
    }))),
    option: () => ({
      xAxis: {
        type: 'value', name: 'share of tokens', splitLine: { show: false }, interval: 1,
        min: Math.floor(Math.min(...runs.map((run) => of(run).log10Edges[0]))),
        max: Math.ceil(Math.max(...runs.map((run) => of(run).log10Edges.at(-1)))),
        axisLabel: { formatter: (v) => tenToThe(Math.round(v)) },
      },
      yAxis: { type: 'value', name: 'features', minInterval: 1, axisLabel: { formatter: short } },
      series: runs.map((run) => {
        const { log10Edges, counts } = of(run);
        const steps = [...counts.map((features, i) => [log10Edges[i], features]), [log10Edges.at(-1), 0]];
        return line(run.label, lookOf(run), steps, { step: 'end', showSymbol: false, areaStyle: { opacity: 0.07 } });
      }),
      tooltip: {
        formatter: (params) => {
          const x = params[0].value[0];
          const bin = (run) => Math.max(0, of(run).log10Edges.findLastIndex((edge) => edge <= x + 1e-9));
          const first = of(runs[0]).log10Edges;
          const at = Math.min(bin(runs[0]), first.length - 2);
          return tip(edgeText(first[at]) + ' to ' + edgeText(first[at + 1]), runs.map((run) => ({
            look: lookOf(run), name: run.label, value: count(of(run).counts[bin(run)] ?? 0),
          })));
        },
      },
    }),
  });
}
