// Density against maximum: every feature as a cell of a grid, so that a million take one pass.

const CELL = 3;

/** Draws into `home`; `on` has {open(id), limit(densities, maxima)}. What it returns has fill(), for the rows that the last search left. */
function scatter(home, columns, on) {
  const canvas = element('canvas', { 'aria-hidden': 'true' });
  const brush = element('div', { class: 'brush', hidden: true });
  home.append(canvas, brush);
  const edge = { left: 42, right: 8, top: 20, bottom: 38 };
  const x = logAxis(columns.density);
  const y = logAxis(columns.max);
  let size = { width: 0, height: 0, across: 0, down: 0 };
  let cells = new Int32Array(0);      // The cell of each row; -1 where it has none.
  let counts = new Uint32Array(0);
  let deadCounts = new Uint32Array(0);
  let example = new Int32Array(0);    // A row of each cell.

  function measure() {
    const width = Math.max(160, Math.floor(home.clientWidth));
    const height = Math.max(160, Math.floor(home.clientHeight));
    if (width === size.width && height === size.height) return;
    const across = Math.floor((width - edge.left - edge.right) / CELL);
    const down = Math.floor((height - edge.top - edge.bottom) / CELL);
    size = { width, height, across, down };
    const { n, density, max } = columns;
    if (cells.length !== n) cells = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      if (!(density[i] > 0) || !(max[i] > 0)) {
        cells[i] = -1;
        continue;
      }
      const u = Math.min(across - 1, Math.floor(x.share(density[i]) * across));
      const v = Math.min(down - 1, Math.floor((1 - y.share(max[i])) * down));
      cells[i] = Math.max(0, v) * across + Math.max(0, u);
    }
    counts = new Uint32Array(across * down);
    deadCounts = new Uint32Array(across * down);
    example = new Int32Array(across * down);
  }

  function draw() {
    if (home.clientWidth === 0) return;
    measure();
    counts.fill(0);
    deadCounts.fill(0);
    example.fill(-1);
    // In the order of their numbers: jumping through memory would take most of the time.
    const { n, mask, dead } = columns;
    let drawn = 0;
    for (let row = 0; row < n; row++) {
      const cell = cells[row];
      if (mask[row] === 0 || cell < 0) continue;
      counts[cell]++;
      deadCounts[cell] += dead[row];
      example[cell] = row;
      drawn++;
    }
    paint(drawn);
  }

  function paint(drawn) {
    const dots = devicePixelRatio || 1;
    canvas.width = size.width * dots;
    canvas.height = size.height * dots;
    canvas.style.width = size.width + 'px';
    canvas.style.height = size.height + 'px';
    const pen = canvas.getContext('2d');
    pen.scale(dots, dots);
    axes(pen);
    let most = 1;
    let full = 0;
    for (const n of counts) {
      if (n > most) most = n;
      if (n > 0) full++;
    }
    const few = full < 600;
    const alive = colour('accent');
    const dead = colour('dead');
    for (let cell = 0; cell < counts.length; cell++) {
      if (counts[cell] === 0) continue;
      const left = edge.left + (cell % size.across) * CELL;
      const top = edge.top + Math.floor(cell / size.across) * CELL;
      pen.fillStyle = deadCounts[cell] * 2 > counts[cell] ? dead : alive;
      pen.globalAlpha = few ? 0.62 : 0.28 + 0.72 * (Math.log1p(counts[cell]) / Math.log1p(most));
      if (few) {
        pen.beginPath();
        pen.arc(left + CELL / 2, top + CELL / 2, 2.4, 0, 2 * Math.PI);
        pen.fill();
      } else {
        pen.fillRect(left, top, CELL, CELL);
      }
    }
    pen.globalAlpha = 1;
    home.dataset.drawn = String(drawn);
  }

  function axes(pen) {
    const right = edge.left + size.across * CELL;
    const bottom = edge.top + size.down * CELL;
    pen.font = '11.5px ' + getComputedStyle(document.body).fontFamily;
    pen.strokeStyle = colour('grid');
    pen.fillStyle = colour('faint');
    pen.lineWidth = 1;
    pen.textAlign = 'center';
    for (const exponent of x.ticks) {
      const at = Math.round(edge.left + x.share(10 ** exponent) * (right - edge.left)) + 0.5;
      pen.beginPath();
      pen.moveTo(at, edge.top);
      pen.lineTo(at, bottom);
      pen.stroke();
      const label = tenToThe(exponent);
      const half = pen.measureText(label).width / 2;
      pen.fillText(label, Math.min(Math.max(at, half), size.width - half), bottom + 17);
    }
    pen.fillText('density', (edge.left + right) / 2, bottom + 33);
    pen.textAlign = 'left';
    pen.fillText('maximum', 0, 10);
    pen.textAlign = 'right';
    for (const exponent of y.ticks) {
      const at = Math.round(bottom - y.share(10 ** exponent) * (bottom - edge.top)) + 0.5;
      pen.beginPath();
      pen.moveTo(edge.left, at);
      pen.lineTo(right, at);
      pen.stroke();
      pen.fillText(exponent >= -2 && exponent <= 3 ? String(Number((10 ** exponent).toPrecision(1))) : tenToThe(exponent), edge.left - 7, at + 4);
    }
  }

  /** Density and maximum at a place of the canvas. */
  function valuesAt(left, top) {
    return [
      x.value(Math.min(1, Math.max(0, (left - edge.left) / (size.across * CELL)))),
      y.value(1 - Math.min(1, Math.max(0, (top - edge.top) / (size.down * CELL)))),
    ];
  }

  /** The cell with features that is nearest, within some pixels. */
  function cellNear(left, top) {
    const u = Math.floor((left - edge.left) / CELL);
    const v = Math.floor((top - edge.top) / CELL);
    let best = -1;
    let nearest = 12;
    for (let dv = -3; dv <= 3; dv++) {
      for (let du = -3; du <= 3; du++) {
        if (u + du < 0 || u + du >= size.across || v + dv < 0 || v + dv >= size.down) continue;
        const cell = (v + dv) * size.across + u + du;
        const distance = du * du + dv * dv;
        if (counts[cell] > 0 && distance < nearest) {
          best = cell;
          nearest = distance;
        }
      }
    }
    return best;
  }

  let drag = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { left: event.clientX - box.left, top: event.clientY - box.top };
  };
  home.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    drag = place(event);
    home.setPointerCapture(event.pointerId);
  });
  home.addEventListener('pointermove', (event) => {
    const now = place(event);
    if (drag !== null && Math.hypot(now.left - drag.left, now.top - drag.top) > 6) {
      hideTip();
      brush.hidden = false;
      brush.style.left = Math.min(now.left, drag.left) + 'px';
      brush.style.top = Math.min(now.top, drag.top) + 'px';
      brush.style.width = Math.abs(now.left - drag.left) + 'px';
      brush.style.height = Math.abs(now.top - drag.top) + 'px';
      return;
    }
    const cell = cellNear(now.left, now.top);
    home.style.cursor = cell < 0 ? 'crosshair' : 'pointer';
    if (cell < 0) {
      hideTip();
      return;
    }
    const row = example[cell];
    const near = { left: event.clientX, top: event.clientY, width: 0, bottom: event.clientY + 12 };
    showTip(near, element('b', {}, counts[cell] > 1 ? count(counts[cell]) + ' features' : 'Feature ' + count(columns.id(row))),
      ...(counts[cell] > 1 ? [] : [chips(columns.peaks(row))]),
      tipRows([['Density', densityText(columns.density[row])], ['Maximum', digits3(columns.max[row])]]));
  });
  home.addEventListener('pointerup', (event) => {
    if (drag === null) return;
    const now = place(event);
    const from = drag;
    drag = null;
    brush.hidden = true;
    if (Math.hypot(now.left - from.left, now.top - from.top) > 6) {
      const [density0, max1] = valuesAt(Math.min(from.left, now.left), Math.min(from.top, now.top));
      const [density1, max0] = valuesAt(Math.max(from.left, now.left), Math.max(from.top, now.top));
      on.limit([density0, density1], [max0, max1]);
      return;
    }
    const cell = cellNear(now.left, now.top);
    if (cell < 0) return;
    hideTip();
    if (counts[cell] === 1) {
      on.open(columns.id(example[cell]));
      return;
    }
    const left = edge.left + (cell % size.across) * CELL;
    const top = edge.top + Math.floor(cell / size.across) * CELL;
    const [density0, max1] = valuesAt(left, top);
    const [density1, max0] = valuesAt(left + CELL, top + CELL);
    on.limit([density0, density1], [max0, max1]);
  });
  home.addEventListener('pointerleave', hideTip);
  home.addEventListener('pointercancel', () => { drag = null; brush.hidden = true; });
  redraws.push(draw);
  new ResizeObserver(draw).observe(home);
  return { fill: draw };
}

/** A logarithmic axis around all positive values. */
function logAxis(values) {
  let least = Infinity;
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] > 0) {
      if (values[i] < least) least = values[i];
      if (values[i] > most) most = values[i];
    }
  }
  if (most === 0) [least, most] = [0.1, 1];
  let from = Math.log10(least);
  let to = Math.log10(most);
  const margin = Math.max(0.08, 0.03 * (to - from));
  from -= margin;
  to += margin;
  const ticks = [];
  for (let e = Math.ceil(from); e <= Math.floor(to); e++) ticks.push(e);
  return {
    ticks,
    share: (value) => (Math.log10(value) - from) / (to - from),
    value: (share) => 10 ** (from + share * (to - from)),
  };
}
