// What `sluice evaluate` measured of the runs beside FVU: the numbers that other libraries report.

function evalsTable(runs) {
  const measured = runs.filter((run) => isNumber(run.evaluation?.cosineSimilarity));
  if (measured.length === 0) return;
  const of = (run) => run.evaluation;
  const effect = (run) => of(run).lossRecovered?.effect ?? {};
  const numbers = (name, value, text, best) => ({ name, value, best, text: (run) => text(value(run)) });
  const columns = [
    { name: 'Run', text: (r) => r.label, value: (r) => r.label, cell: (r) => [dot(lookOfRun(r.number))] },
    numbers('Cosine', (r) => of(r).cosineSimilarity, decimal3, 'most'),
    numbers('L2 ratio', (r) => of(r).l2Ratio, decimal3),
    numbers('Explained', (r) => of(r).explainedVariance, percent1, 'most'),
    numbers('Explained, legacy', (r) => of(r).explainedVarianceLegacy, percent1, 'most'),
    numbers('MSE', (r) => of(r).mse, digits3, 'least'),
    numbers('L1', (r) => of(r).l1, decimal1),
    numbers('CE score', (r) => effect(r).ceLossScore, percent1, 'most'),
    numbers('CE score, mean', (r) => effect(r).ceLossScoreMean, percent1, 'most'),
    numbers('KL', (r) => effect(r).klWithReconstruction, digits3, 'least'),
    numbers('KL score', (r) => effect(r).klScore, percent1, 'most'),
  ];
  const used = columns.filter((column, i) => i === 0 || measured.some((run) => isNumber(column.value(run))));
  const which = new Set(measured.map((run) => of(run).rows ?? 'all'));
  const tokens = shared(measured.map((run) => of(run).tokens));
  const note = [
    'As SAELens’s evals measure them' + (which.size === 1 ? ', on ' + (tokens === null ? '' : count(tokens) + ' ') +
      { 'held-out': 'held-out tokens', trained: 'tokens trained on', all: 'tokens' }[[...which][0]] : '') + '.',
    measured.some((run) => isNumber(effect(run).ceLossScore)) ? 'CE and KL scores are against zeros unless it says mean.' : '',
  ].filter((sentence) => sentence !== '').join(' ');
  byId('results').append(
    element('figure', {}, element('figcaption', {}, element('h3', {}, 'What other libraries report'), element('p', {}, note)),
      scrolling(table(used, measured, { sortable: true, caption: 'What other libraries report' }))));
}
