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
  const dead = alike(runs.filter((run) => isNumber(run.result?.deadFraction)))
    .sort((a, b) => a.result.deadFraction - b.result.deadFraction);
  if (dead.length > 1) {
    const [least, most] = [dead[0], dead.at(-1)];
    const of = 'of ' + (valueOf(least, 'features') ?? 'the features') + ' features end dead';
    const [fewest, last] = [percent(least.result.deadFraction), percent(most.result.deadFraction)];
    home.append(fewest === last
      ? tile(last, of.replace('the features features', 'the features') + ' in each of ' + dead.length + ' runs')
      : tile(fewest.replace(THIN + '%', '') + '\u2009–\u2009' + last,
        of.replace('the features features', 'the features') + ': the fewest in ' + oneOf(dead, fewest, least) + ', the most in ' + oneOf(dead, last, most)));
  }
}

/** The run's name, or how many runs read the same. */
function oneOf(runs, text, run) {
  const same = runs.filter((each) => percent(each.result.deadFraction) === text).length;
  return same > 1 ? same + ' runs' : '‘' + run.label + '’';
}

/** The most runs that answer one question with one dead window. */
function alike(runs) {
  const groups = new Map();
  for (const run of runs) {
    const key = run.question + run.result.deadWindowTokens;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), []);
}

function valueOf(run, key) {
  const value = run.settings.find((s) => s.key === key)?.value;
  return value === undefined ? undefined : setting(value);
}

/** What all numbers are the same in, or null. */
function shared(values) {
  const different = new Set(values.filter(isNumber));
  return different.size === 1 ? [...different][0] : null;
}

function resultsTable(runs, differing) {
  const result = (run) => run.result ?? {};
  const dead = (run) => result(run).deadFraction;
  const evaluation = (run) => run.evaluation ?? {};
  const trained = (run) => evaluation(run).trained ?? (evaluation(run).rows === 'trained' ? evaluation(run) : {});
  const heldOut = (run) => (evaluation(run).rows === 'held-out' ? evaluation(run) : {});
  const all = (run) => (evaluation(run).rows === 'held-out' || evaluation(run).rows === 'trained' ? {} : evaluation(run));
  const heldOutFvu = (run) => result(run).heldOutFvu ?? heldOut(run).fvu;
  const counted = (run) => (isNumber(trained(run).tokens) ? trained(run) : evaluation(run));
  const never = (run) => counted(run).frequencyHistogram?.neverFired;
  const loss = (run) => evaluation(run).lossRecovered ?? {};
  const steps = shared(runs.map((run) => result(run).fvuSteps));
  const window = (run) => run.question + result(run).deadWindowTokens;
  const numbers = (name, value, text, more = {}) => ({ name, value, text: (run) => text(value(run)), ...more });
  const asked = ['hook', 'features', 'heads', 'k'].filter((key) => runs.some((run) => valueOf(run, key) !== undefined));
  const others = differing.filter((key) => !asked.includes(key) && !['deadWindowTokens', 'steps'].includes(key)).slice(0, 4);
  const different = [...asked.filter((key) => differing.includes(key)), ...others];
  const columns = [
    { name: 'Run', text: (r) => r.label, value: (r) => r.label, cell: (r) => [dot(lookOfRun(r.number))] },
    ...different.map((key) => ({ name: key, text: (r) => valueOf(r, key) ?? NONE, value: (r) => valueOf(r, key) ?? '' })),
    numbers('Dead', dead, percent1, { best: 'least', among: window, cell: (r) => [meterOf(dead(r), lookOfRun(r.number))] }),
    numbers('FVU, held-out', heldOutFvu, digits3, { best: 'least' }),
    numbers('FVU, trained', (r) => trained(r).fvu, digits3, { best: 'least' }),
    numbers('FVU, all tokens', (r) => all(r).fvu, digits3, { best: 'least' }),
    numbers('FVU, last ' + (steps === null ? '' : steps + ' ') + 'steps', (r) => result(r).fvu, digits3, { best: 'least' }),
    numbers('Loss recovered', (r) => loss(r).recovered, percent1, { best: 'most' }),
    numbers('L0', (r) => result(r).l0, decimal1),
    numbers('Never fired', never, count, { best: 'least', among: (r) => r.question + counted(r).tokens }),
    numbers('Dead, held-out', (r) => heldOut(r).deadFraction, percent1, { best: 'least' }),
    numbers('Dead window', (r) => result(r).deadWindowTokens, count),
    numbers('Steps', (r) => result(r).steps, count),
    numbers('Tokens', (r) => result(r).tokens, count),
    numbers('Tokens/s', (r) => result(r).tokensPerSecond, count),
  ];
  // What all runs have in common stands once, above the table.
  const common = runs.length < 2 ? [] : columns.filter((column) => ['L0', 'Dead window', 'Steps', 'Tokens'].includes(column.name) &&
    runs.every((run) => isNumber(column.value(run))) && shared(runs.map(column.value)) !== null);
  const used = columns.filter((column, i) => !common.includes(column) &&
    (i <= different.length || runs.some((run) => isNumber(column.value(run)))));
  const same = [
    ...asked.filter((key) => !differing.includes(key)).map((key) => key + ' ' + (valueOf(runs[0], key) ?? NONE)),
    ...common.filter((column) => column.name !== 'Dead window').map((column) => column.name.replace(/^[ST]/, (c) => c.toLowerCase()) + ' ' + column.text(runs[0])),
  ];
  const questions = new Set(runs.map((run) => run.question)).size;
  const windows = new Set(runs.map((run) => result(run).deadWindowTokens).filter(isNumber));
  const tokens = shared(runs.map((run) => result(run).heldOutTokens ?? heldOut(run).tokens));
  const read = shared(runs.map((run) => counted(run).tokens));
  const lastSteps = 'FVU of the last ' + (steps === null ? '' : count(steps) + ' ') + 'steps: on tokens trained on, while training.';
  const note = [
    same.length > 0 ? 'All with ' + same.join(', ') + '.' : '',
    tokens > 0 ? 'Held-out: ' + count(tokens) + ' tokens in whole contexts that were never trained on.' : '',
    runs.some((run) => isNumber(heldOutFvu(run))) ? '' : 'Nothing was held out, so every FVU is of tokens that were trained on.',
    runs.some((run) => isNumber(result(run).fvu)) ? lastSteps : '',
    windows.size > 1
      ? 'Dead: no firing in the dead window, in tokens; where windows differ, dead fractions do not compare.'
      : windows.size === 1 ? 'Dead: no firing in the last ' + count([...windows][0]) + ' tokens of training.' : '',
    read !== null && runs.some((run) => isNumber(never(run))) ? 'Never fired: on none of ' + count(read) + ' tokens' +
      (runs.every((run) => isNumber(trained(run).tokens)) ? ' trained on' : '') + '.' : '',
    runs.length < 2 ? '' : questions === 1 ? 'The best of a column is bold.'
      : 'The best is bold among runs of one hook point, number of features, k and data.',
    'Click a heading to sort.',
  ].filter((sentence) => sentence !== '').join(' ');
  byId('results').append(
    element('figure', {}, element('figcaption', {}, element('h3', {}, 'The runs'), element('p', {}, note)),
      scrolling(table(used, runs, { sortable: true, caption: 'How the runs ended' }))));
}

/** The settings that decide what comes out, in words, and how far runs are that go on. */
function runWords(words, runs) {
  const home = byId('run-words');
  const going = (run) => (run.going ? ' ' + run.going : '');
  if (runs.length === 1) {
    if (words.own[0] + going(runs[0]) !== '') home.append(element('p', {}, sentence(words.own[0]) + going(runs[0])));
    return;
  }
  if (words.shared !== '') home.append(element('p', {}, 'All: ' + sentence(words.shared)));
  const said = runs.map((run, i) => (words.own[i] === '' ? '' : words.own[i] + '.') + going(run));
  if (said.every((text) => text === '')) return;
  home.append(element('ul', {}, ...runs.map((run, i) =>
    element('li', {}, dot(lookOfRun(i)), element('b', {}, run.label), said[i] === '' ? '' : ': ' + said[i].trim()))));
}

function sentence(words) {
  return words === '' ? '' : words[0].toUpperCase() + words.slice(1) + '.';
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
  const rows = keys.map((key) => ({ key, differs: new Set(runs.map((run) => valueOf(run, key))).size > 1 }));
  // What differs explains the results, so it comes first.
  rows.sort((a, b) => Number(b.differs) - Number(a.differs));
  const columns = [
    { name: 'Setting', text: (row) => row.key },
    ...runs.map((run) => ({ name: run.label, text: (row) => valueOf(run, row.key) ?? NONE })),
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
