// One figure: caption, legend, chart, its data as a table. Charts are SVG, so they print sharply.

const charts = new Map();

/**
 * Adds a figure to `parent`.
 *
 * spec: {id, title, note, label(), legend: [{name, look}], option(), columns(), rows(), steps?, controls?, square?, group?}
 * `option` is called anew whenever the data or the colours change; `label` describes the chart in words.
 */
function figure(parent, spec) {
  const canvas = element('div', { class: 'chart' + (spec.square ? ' square' : ''), id: spec.id, role: 'img', tabindex: '0' });
  const note = element('p', {}, spec.note);
  const legend = spec.legend ? element('div', { class: 'legend', role: 'group', 'aria-label': 'Shown lines' }) : null;
  const controls = element('div', { class: 'figure-controls' }, legend, spec.controls);
  const foot = element('div', { class: 'figure-foot' });
  const data = element('div', { class: 'data', id: spec.id + '-data', hidden: true, tabindex: '0', role: 'region', 'aria-label': 'Data of: ' + spec.title });
  parent.append(
    element('figure', { class: 'figure' },
      element('figcaption', {}, element('h3', {}, spec.title), note),
      legend || spec.controls ? controls : null, canvas, foot, data));

  const chart = echarts.init(canvas, null, { renderer: 'svg' });
  const hidden = new Set();
  const drawn = {
    chart,
    redraw() {
      canvas.setAttribute('aria-label', spec.label());
      note.textContent = typeof spec.note === 'function' ? spec.note() : spec.note;
      if (legend) drawLegend(legend, spec.legend, hidden, chart);
      fit(chart, canvas);
      // Replacing every part would take the tooltip away while it is being placed.
      chart.setOption(complete(spec.option(), spec, hidden), { replaceMerge: ['series', 'xAxis', 'yAxis', 'visualMap'] });
      if (!data.hidden) data.replaceChildren(table(spec.columns(), spec.rows()));
    },
  };
  // 'finished' waits for a frame more, which may never be asked for.
  for (const event of ['rendered', 'finished']) {
    chart.on(event, () => {
      canvas.dataset.drawn = canvas.querySelectorAll('svg path').length;
    });
  }
  if (spec.group) {
    chart.group = spec.group;
    echarts.connect(spec.group);
  }
  if (spec.onClick) chart.on('click', spec.onClick);
  footButtons(foot, data, spec, chart);
  walkByKeyboard(canvas, chart, spec);
  charts.set(spec.id, drawn);
  redraws.push(drawn.redraw);
  drawn.redraw();
  return drawn;
}

function drawLegend(legend, entries, hidden, chart) {
  legend.replaceChildren(
    ...entries.map(({ name, look }) => {
      const button = element('button', { type: 'button', 'aria-pressed': String(!hidden.has(name)) }, swatch(look), name);
      button.addEventListener('click', () => {
        hidden.has(name) ? hidden.delete(name) : hidden.add(name);
        button.setAttribute('aria-pressed', String(!hidden.has(name)));
        chart.dispatchAction({ type: 'legendToggleSelect', name });
      });
      for (const [on, action] of [['mouseenter', 'highlight'], ['mouseleave', 'downplay']]) {
        button.addEventListener(on, () => chart.dispatchAction({ type: action, seriesName: name }));
      }
      return button;
    }),
  );
}

function swatch(look) {
  const paint = 'var(--' + look.colour + ')';
  const shapes = {
    circle: svg('circle', { cx: 12, cy: 6, r: 3.6 }),
    rect: svg('rect', { x: 8.6, y: 2.6, width: 6.8, height: 6.8 }),
    triangle: svg('path', { d: 'M12 1.8 16 9.4H8Z' }),
    diamond: svg('path', { d: 'M12 1.2 16.200 6 12 10.800 7.800 6Z' }),
  };
  const shape = shapes[look.symbol] ?? shapes.circle;
  shape.setAttribute('fill', paint);
  const line = svg('path', { d: 'M0 6H24', stroke: paint, 'stroke-width': 2 });
  if (Array.isArray(look.dash)) line.setAttribute('stroke-dasharray', look.dash.join(' '));
  return svg('svg', { width: 24, height: 12, viewBox: '0 0 24 12', 'aria-hidden': 'true' }, line, shape);
}

/** What all charts share: type, axes, grid, tooltip, no needless motion. */
function complete(option, spec, hidden) {
  const ink = { soft: colour('soft'), faint: colour('faint'), grid: colour('grid'), rule: colour('rule') };
  const font = getComputedStyle(document.body).fontFamily;
  const axis = (a) => ({
    nameLocation: 'middle',
    nameTextStyle: { color: ink.faint, fontSize: 12 },
    axisLine: { onZero: false, lineStyle: { color: ink.rule } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: ink.grid } },
    minorSplitLine: { show: false },
    ...a,
    axisLabel: { color: ink.soft, fontSize: 12, hideOverlap: true, ...a.axisLabel },
  });
  const selected = {};
  for (const name of hidden) selected[name] = false;
  return {
    animationDuration: 350,
    animation: !printing && !kept && !matchMedia('(prefers-reduced-motion: reduce)').matches && !document.hidden,
    textStyle: { fontFamily: font, color: ink.soft },
    grid: { left: 4, right: 18, top: 36, bottom: 30, containLabel: true },
    legend: spec.legend ? { show: false, selected } : undefined,
    // Upright letters above the axis read better than a name turned on its side; they begin at the
    // chart's edge, where narrow labels cannot push them off it.
    title: { text: option.yAxis.name ?? '', left: 4, top: 6, padding: 0, textStyle: { color: ink.faint, fontSize: 12, fontWeight: 'normal', lineHeight: 16 } },
    ...option,
    xAxis: axis({ nameGap: 30, ...option.xAxis }),
    yAxis: axis({ ...option.yAxis, name: '' }),
    tooltip: {
      trigger: 'axis',
      confine: true,
      padding: 0,
      borderWidth: 0,
      backgroundColor: 'transparent',
      extraCssText: 'box-shadow:none',
      transitionDuration: 0.15,
      axisPointer: { type: 'line', lineStyle: { color: ink.faint, type: 'solid', width: 1 } },
      ...option.tooltip,
      formatter: (params) => {
        const made = option.tooltip.formatter(params);
        charts.get(spec.id).said = made ? made.innerText || made.textContent : '';
        return made ?? '';
      },
    },
  };
}

/** A line of a chart. */
function line(name, look, data, more = {}) {
  const paint = colour(look.colour);
  return {
    name,
    type: 'line',
    data,
    color: paint,
    symbol: look.symbol,
    symbolSize: look.symbol === 'triangle' || look.symbol === 'diamond' ? 9 : 7,
    showAllSymbol: true,
    lineStyle: { width: 2, type: look.dash, color: paint },
    itemStyle: { color: paint, borderWidth: 0 },
    emphasis: { focus: 'series', lineStyle: { width: 3 } },
    blur: { lineStyle: { opacity: 0.22 }, itemStyle: { opacity: 0.22 } },
    ...more,
  };
}

/** What a tooltip holds: a heading and rows of {look, name, value, more}. */
function tip(heading, rows) {
  const body = element('tbody');
  for (const { look, name, value, more } of rows) {
    const dot = element('i');
    dot.style.background = look ? 'var(--' + look.colour + ')' : 'transparent';
    body.append(
      element('tr', {}, element('td', {}, look ? dot : null, name),
        more === undefined ? null : element('td', { class: 'more' }, more), element('td', {}, value)));
  }
  return element('div', { class: 'tip' }, element('b', {}, heading), element('table', {}, body));
}

function footButtons(foot, data, spec, chart) {
  const open = element('button', { type: 'button', 'aria-expanded': 'false', 'aria-controls': data.id }, 'Data');
  open.addEventListener('click', () => {
    data.hidden = !data.hidden;
    open.setAttribute('aria-expanded', String(!data.hidden));
    if (!data.hidden) data.replaceChildren(table(spec.columns(), spec.rows(), { caption: spec.title }));
  });
  const saveCsv = element('button', { type: 'button', 'aria-label': 'Save as CSV: ' + spec.title }, 'CSV');
  saveCsv.addEventListener('click', () =>
    download(spec.id + '.csv', 'text/csv', csv(spec.columns(), spec.rows())));
  const saveSvg = element('button', { type: 'button', 'aria-label': 'Save as SVG: ' + spec.title }, 'SVG');
  saveSvg.addEventListener('click', () =>
    download(spec.id + '.svg', 'image/svg+xml', chart.renderToSVGString()));
  foot.append(open, saveCsv, saveSvg);
}

/** Arrow keys move the tooltip along the chart and read it out; Escape closes it. */
function walkByKeyboard(canvas, chart, spec) {
  let at = -1;
  canvas.addEventListener('keydown', (event) => {
    const all = chart.getOption().series;
    const series = all.findIndex((s) => s.data?.length > 0 && chart.getOption().legend?.[0]?.selected?.[s.name] !== false);
    if (series < 0) return;
    const size = all[series].data.length;
    const stride = event.shiftKey ? 10 : 1;
    const moves = { ArrowRight: at + stride, ArrowLeft: at - stride, Home: 0, End: size - 1 };
    if (event.key === 'Escape') {
      chart.dispatchAction({ type: 'hideTip' });
      return;
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    at = Math.max(0, Math.min(size - 1, moves[event.key]));
    chart.dispatchAction({ type: 'showTip', seriesIndex: series, dataIndex: at });
    setTimeout(() => announce(charts.get(spec.id).said ?? ''), 60);
  });
  canvas.addEventListener('blur', () => chart.dispatchAction({ type: 'hideTip' }));
}

/** As large as its place on the screen; on paper, which has no size yet, a picture that scales. */
function fit(chart, canvas) {
  const picture = canvas.querySelector('svg');
  if (!printing) {
    chart.resize({ width: 'auto', height: 'auto' });
    picture?.removeAttribute('viewBox');
    return;
  }
  const figures = [...canvas.closest('.pair').children];
  const alone = figures.length % 2 === 1 && figures.at(-1).contains(canvas);
  const size = { width: alone ? 860 : 430, height: canvas.classList.contains('square') ? 360 : 300 };
  chart.resize(size);
  canvas.querySelector('svg').setAttribute('viewBox', '0 0 ' + size.width + ' ' + size.height);
}

function resizeAll() {
  if (printing) return;
  for (const { chart } of charts.values()) chart.resize();
}
