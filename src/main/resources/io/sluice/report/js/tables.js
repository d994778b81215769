// Tiles under the headline, the table of the runs, their settings, provenance.

function tile(value, what, meter) {
  const made = element('div', { class: 'tile' }, element('dt', {}, what), element('dd', {}, value));
  if (meter) {
    const bar = element('i');
    bar.style.width = (100 * meter.share).toFixed(1) + '%';
    bar.style.background = 'var(--' + meter.colour + ')';
    made.append(element('div', { class: 'meter', 'aria-hidden': 'true' }, bar));
  }
  return made;
}

function tiles(geometry, runs) {
  const home = byId('tiles');
  if (geometry) {
    for (const kind of kindsOf(geometry.places).filter((k) => KINDS.includes(k))) {
      const share = mean(geometry.places.filter((p) => p.kind === kind).map((p) => p.dimensionShare));
      home.append(tile(percent(share), kind + ': directions for ' + percent(geometry.tau) + ' of the variance, mean over layers', { share, colour: kind }));
    }
  }
  const dead = runs.filter((run) => isNumber(run.result?.deadFraction)).sort((a, b) => a.result.deadFraction - b.result.deadFraction);
  if (dead.length > 1) {
    const [least, most] = [dead[0], dead.at(-1)];
    const fewest = percent(least.result.deadFraction).replace(THIN + '%', '');
    home.append(tile(fewest + '\u2009–\u2009' + percent(most.result.deadFraction),
      'of the features end dead: the fewest in ‘' + least.label + '’, the most in ‘' + most.label + '’'));
  }
}

function resultsTable(runs) {
  const result = (run) => run.result ?? {};
  const dead = (run) => result(run).deadFraction;
  const columns = [
    { name: 'Run', text: (r) => r.label, value: (r) => r.label, cell: (r) => [dot(lookOfRun(r.number))] },
    { name: 'Dead', text: (r) => percent1(dead(r)), value: dead, best: 'least', cell: (r) => [meterOf(dead(r), lookOfRun(r.number))] },
    { name: 'FVU', text: (r) => digits3(result(r).fvu), value: (r) => result(r).fvu, best: 'least' },
    { name: 'L0', text: (r) => decimal1(result(r).l0), value: (r) => result(r).l0 },
    { name: 'Dead window', text: (r) => count(result(r).deadWindowTokens), value: (r) => result(r).deadWindowTokens },
    { name: 'Steps', text: (r) => count(result(r).steps), value: (r) => result(r).steps },
    { name: 'Tokens', text: (r) => count(result(r).tokens), value: (r) => result(r).tokens },
    { name: 'Tokens/s', text: (r) => count(result(r).tokensPerSecond), value: (r) => result(r).tokensPerSecond },
    { name: 'Time', text: (r) => duration(result(r).seconds), value: (r) => result(r).seconds },
  ];
  if (runs.some((run) => run.evaluation)) {
    const evaluation = (run) => run.evaluation ?? {};
    columns.splice(4, 0,
      { name: 'Evaluated dead', text: (r) => percent1(evaluation(r).deadFraction), value: (r) => evaluation(r).deadFraction, best: 'least' },
      { name: 'Evaluated FVU', text: (r) => digits3(evaluation(r).fvu), value: (r) => evaluation(r).fvu, best: 'least' });
    const loss = (run) => evaluation(run).lossRecovered ?? {};
    columns.splice(6, 0,
      { name: 'Loss recovered', text: (r) => percent1(loss(r).recovered), value: (r) => loss(r).recovered, best: 'most' });
  }
  const used = columns.filter((column, i) => i === 0 || runs.some((run) => isNumber(column.value(run))));
  const windows = new Set(runs.map((run) => result(run).deadWindowTokens).filter(isNumber));
  const note = windows.size > 1
    ? 'The dead windows differ, so the dead fractions do not compare. Window in tokens.'
    : 'How the runs ended; the best of a column is bold. Dead window in tokens. Click a heading to sort.';
  byId('results').append(
    element('figure', {}, element('figcaption', {}, element('h3', {}, 'The runs'), element('p', {}, note)),
      scrolling(table(used, runs, { sortable: true, caption: 'How the runs ended' }))));
}

function dot(look) {
  const made = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  made.style.background = 'var(--' + look.colour + ')';
  return made;
}

function meterOf(share, look) {
  const bar = element('i');
  bar.style.width = (isNumber(share) ? Math.max(share > 0 ? 1.5 : 0, 100 * share) : 0).toFixed(1) + '%';
  bar.style.background = 'var(--' + look.colour + ')';
  return element('span', { class: 'bar-cell', 'aria-hidden': 'true' }, bar);
}

function settingsTable(runs) {
  const keys = [...new Set(runs.flatMap((run) => run.settings.map((s) => s.key)))];
  if (keys.length === 0) return;
  const valueOf = (run, key) => run.settings.find((s) => s.key === key)?.value;
  const rows = keys.map((key) => ({ key, differs: new Set(runs.map((run) => valueOf(run, key))).size > 1 }));
  // What differs explains the results, so it comes first.
  rows.sort((a, b) => Number(b.differs) - Number(a.differs));
  const columns = [
    { name: 'Setting', text: (row) => row.key },
    ...runs.map((run) => ({ name: run.label, text: (row) => setting(valueOf(run, row.key) ?? NONE) })),
  ];
  const made = table(columns, rows, { kind: 'data-table settings-table', caption: 'Settings of the runs' });
  const different = rows.filter((row) => row.differs).length;
  made.querySelectorAll('tbody tr').forEach((tr, i) => {
    if (runs.length > 1 && !rows[i].differs) {
      tr.className = 'same';
      const [shared, ...repeated] = tr.querySelectorAll('td');
      shared.colSpan = runs.length;
      repeated.forEach((td) => td.remove());
    }
  });
  const all = runs.length > 1 && different > 0 && different < rows.length;
  const pick = all ? chooser('Shown settings', [{ value: 'all', text: 'all' }, { value: 'some', text: 'what differs' }], 'all', (which) => {
    for (const tr of made.querySelectorAll('tr.same')) tr.hidden = which === 'some';
  }) : null;
  const note = runs.length > 1 ? 'What differs between the runs stands first; what they share stands once.' : '';
  byId('settings-table').append(
    element('figure', {}, element('figcaption', {}, element('h3', {}, 'Settings'), element('p', {}, note)),
      pick ? element('div', { class: 'figure-controls' }, pick) : null,
      scrolling(made)));
  show('settings');
}

function facts(provenance) {
  for (const { key, value } of provenance) {
    byId('facts').append(element('dt', {}, key), element('dd', {}, setting(value)));
  }
  if (provenance.length > 0) show('provenance');
}
