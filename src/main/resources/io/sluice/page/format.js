'use strict';
// Numbers as people read them: sensible digits, thousands separated, units apart by a thin space.

const THIN = '\u202f';
const NONE = '–';

const isNumber = (x) => typeof x === 'number' && Number.isFinite(x);

function count(x) {
  return isNumber(x) ? Math.round(x).toLocaleString('en-US') : NONE;
}

/** A share as a percentage; never 0 or 100 for what is neither. */
function percent(share) {
  if (!isNumber(share)) return NONE;
  const p = 100 * share;
  if (p > 0 && p < 0.05) return '<' + THIN + '0.1' + THIN + '%';
  if (p < 100 && p >= 99.95) return '>' + THIN + '99.9' + THIN + '%';
  const whole = p === Math.round(p) || (p >= 10 && p < 99.5);
  return p.toFixed(whole ? 0 : 1) + THIN + '%';
}

/** A share with one decimal throughout, for columns that are compared. */
function percent1(share) {
  if (!isNumber(share)) return NONE;
  return share > 0 && share < 0.0005 ? percent(share) : (100 * share).toFixed(1) + THIN + '%';
}

/** Three significant digits. */
function digits3(x) {
  if (!isNumber(x)) return NONE;
  if (x === 0) return '0';
  const size = Math.abs(x);
  if (size >= 1000) return count(x);
  if (size < 1e-3) return power(x);
  return x.toPrecision(3);
}

/** Three decimals, for numbers between 0 and 1 that are compared. */
function decimal3(x) {
  return isNumber(x) ? x.toFixed(3) : NONE;
}

/** Rounded to one decimal below a thousand, whole above. */
function decimal1(x) {
  return !isNumber(x) ? NONE : Math.abs(x) >= 1000 ? count(x) : x.toFixed(1);
}

const SUPERSCRIPT = '⁰¹²³⁴⁵⁶⁷⁸⁹';

function tenToThe(exponent) {
  const raised = String(Math.abs(exponent)).replace(/\d/g, (d) => SUPERSCRIPT[d]);
  return '10' + (exponent < 0 ? '⁻' : '') + raised;
}

/** 2.3 × 10⁻⁵ */
function power(x) {
  const exponent = Math.floor(Math.log10(Math.abs(x)));
  return (x / 10 ** exponent).toFixed(1) + THIN + '×' + THIN + tenToThe(exponent);
}

/** 120,000 as 120 k, 2,500,000 as 2.5 M: for axes. */
function short(x) {
  const units = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  for (const [size, unit] of units) {
    if (Math.abs(x) >= size) return String(Number((x / size).toPrecision(3))) + THIN + unit;
  }
  return String(Number(x.toPrecision(3)));
}

function duration(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 60) return seconds.toFixed(seconds < 10 ? 1 : 0) + THIN + 's';
  const s = Math.round(seconds);
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor((s % 3600) / 60);
  return hours > 0
    ? hours + THIN + 'h ' + minutes + THIN + 'min'
    : minutes + THIN + 'min ' + (s % 60) + THIN + 's';
}

/** A setting's text; long integers get separators, long fractions end after six digits. */
function setting(text) {
  if (/^-?\d+\.\d+(E-?\d+)?$/.test(text)) return String(Number(Number(text).toPrecision(6)));
  return /^\d{5,15}$/.test(text) ? Number(text).toLocaleString('en-US') : text;
}
