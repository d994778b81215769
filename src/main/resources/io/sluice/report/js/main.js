// Reads the data and shows what there is of it.

function start() {
  const page = JSON.parse(byId('data').textContent);
  const runs = page.runs.map((run, number) => ({ ...run, number, label: run.name }));
  followTheme();
  tiles(page.geometry, runs);
  if (isNumber(page.tau)) byId('tau-value').textContent = ' = ' + percent(page.tau);
  if (page.geometry) {
    let chooseLayer = () => {};
    dimensionFigures(page.geometry, (layer) => chooseLayer(layer));
    chooseLayer = spectrumFigures(page.geometry);
    causeFigures(page.geometry);
  }
  if (page.loss) lossFigures(page.loss);
  if (runs.length > 0) {
    show('training');
    runWords(page.words, runs);
    resultsTable(runs, page.differing);
    evalsTable(runs);
    trainingFigures(runs);
    settingsTable(runs);
  }
  if (page.sweeps.length > 0) sweepFigures(page.sweeps);
  if (page.features.length > 0) featureCards(page.features);
  facts(page.provenance);
  listSections();
  // Sections that were hidden had no width when their charts began.
  resizeAll();
  new ResizeObserver(resizeAll).observe(byId('content'));
}

try {
  start();
} finally {
  giveBack();
}
refreshLater();
