/*
 * Draws the plots of an experiment from the figures that the page carries as JSON. Without it the tables stand.
 *
 * No arm is told by colour alone: each has its shape, its dash and its name beside what is drawn. Arrow keys walk
 * through the figures as a pointer does, and each is told in words.
 */
const { Plot } = globalThis;

const SYMBOLS = ['circle', 'square', 'triangle', 'diamond', 'star', 'wye'];
const DASHES = [null, '7 3', '2 3', '9 3 2 3', '4 4', '12 4'];
const GRID = 'var(--w-color-border-furniture)';
const LETTER = 7; // the width of one, about, in pixels
const LINE = 16;
const TITLE = 44; // the room above each metric

const language = document.documentElement.lang || undefined;
const NUMBERS = {
  effect: { maximumFractionDigits: 1, signDisplay: 'exceptZero' },
  share: { maximumFractionDigits: 0 },
  number: { maximumFractionDigits: 2 },
};

const colour = (index) => `var(--slot-plot-${(index % SYMBOLS.length) + 1})`;
const symbol = (index) => SYMBOLS[index % SYMBOLS.length];
const dash = (index) => DASHES[index % DASHES.length];
const room = (names, most) => Math.min(most, 20 + LETTER * Math.max(...names.map((name) => name.length)));
const cut = (width, most) => (width < most ? {} : { lineWidth: (width - 16) / 13, textOverflow: 'ellipsis' });

function scales(data) {
  const range = data.arms.map((arm, index) => index);
  return {
    color: { type: 'ordinal', domain: data.arms, range: range.map(colour) },
    symbol: { type: 'ordinal', domain: data.arms, range: range.map(symbol) },
  };
}

function dots(rows, options) {
  return Plot.dot(rows, { fill: 'arm', symbol: 'arm', r: 4.5, ...options, className: 'slot-plot__points' });
}

function tip(rows, options) {
  return Plot.tip(rows, Plot.pointer({ ...options, title: 'told', lineWidth: 24 }));
}

/* Effects: a shape and its interval for each metric and arm, against no effect at all. */
function drawEffects(data, width, format) {
  const rows = data.rows.filter((row) => row.value !== null);
  const known = rows.filter((row) => row.low !== null);
  const arms = data.arms.filter((arm) => rows.some((row) => row.arm === arm));
  const metrics = [...new Set(rows.map((row) => row.metric))];
  const marginLeft = room(arms, width / 3);
  const place = { fy: 'metric', y: 'arm' };
  const step = TITLE + 34 * arms.length;
  return {
    ...scales(data),
    width,
    height: 48 + metrics.length * step,
    marginLeft,
    marginRight: 24,
    marginTop: 8,
    marginBottom: 40,
    x: { label: data.unit, labelArrow: 'none', labelAnchor: 'center', tickFormat: format, ticks: width / 110, nice: true },
    y: { domain: arms, label: null, padding: 0.4 },
    fy: { domain: metrics, axis: null, paddingInner: TITLE / step, paddingOuter: TITLE / step / 2 },
    marks: [
      Plot.gridX({ stroke: GRID, strokeOpacity: 1 }),
      Plot.axisY({ tickSize: 0, ...cut(marginLeft, width / 3) }),
      Plot.ruleX([0], { strokeWidth: 1.5 }),
      Plot.text(metrics, { fy: (metric) => metric, text: (metric) => metric, frameAnchor: 'top-left', dx: -marginLeft, dy: -20, fontWeight: 600 }),
      Plot.ruleY(known, { ...place, x1: 'low', x2: 'high', stroke: 'arm', strokeWidth: 2, marker: 'tick' }),
      dots(rows, { ...place, x: 'value' }),
      Plot.text(rows, { ...place, x: 'value', text: 'label', dy: -13, fontVariant: 'tabular-nums' }),
      tip(rows, { ...place, x: 'value' }),
    ],
  };
}

/* One effect as days go by: the interval is a band that should leave zero, if there is an effect. */
function drawBand(data, width, format) {
  const rows = data.rows.map((row) => ({ ...row, date: new Date(row.day) }));
  const known = rows.filter((row) => row.low !== null);
  const arms = data.arms.filter((arm) => rows.some((row) => row.arm === arm));
  const place = { fy: 'arm', x: 'date' };
  return {
    ...scales(data),
    width,
    height: 40 + 190 * arms.length,
    marginLeft: 56,
    marginRight: 16,
    marginTop: 8,
    marginBottom: 28,
    x: timeScale(rows, width),
    y: { domain: reach(known), clamp: false, label: null, tickFormat: format, ticks: 5 },
    fy: { domain: arms, axis: null, padding: 0.16, paddingOuter: 0.1 },
    marks: [
      Plot.gridY({ stroke: GRID, strokeOpacity: 1 }),
      ...edges(known, place),
      Plot.ruleY([0], { strokeWidth: 1.5 }),
      Plot.lineY(rows, { ...place, y: 'value', stroke: 'arm', strokeWidth: 2, clip: true }),
      dots(rows, { ...place, y: 'value', r: 3, clip: true }),
      Plot.text(arms, { fy: (arm) => arm, text: (arm) => arm, frameAnchor: 'top-left', dy: -14, fontWeight: 600 }),
      tip(rows, { ...place, y: 'value' }),
    ],
  };
}

function edges(rows, place) {
  const edge = { ...place, stroke: 'arm', strokeDasharray: '5 3', clip: true };
  return [
    Plot.areaY(rows, { ...place, y1: 'low', y2: 'high', fill: 'arm', fillOpacity: 0.18, clip: true }),
    Plot.lineY(rows, { ...edge, y: 'low' }),
    Plot.lineY(rows, { ...edge, y: 'high' }),
  ];
}

/* The first days know next to nothing: the axis fits the last ones, and what is wider is cut off. */
function reach(rows) {
  const [lows, highs] = [rows.map((row) => row.low), rows.map((row) => row.high)];
  const last = new Map(rows.map((row) => [row.arm, Math.max(Math.abs(row.low), Math.abs(row.high))]));
  const limit = 2 * Math.max(...last.values(), 0);
  return limit ? [Math.max(Math.min(...lows, 0), -limit), Math.min(Math.max(...highs, 0), limit)] : [-0.1, 0.1];
}

/* Figures of each arm as days go by, each line with its name at its end. */
function drawLines(data, width, format) {
  const rows = data.rows.map((row) => ({ ...row, date: new Date(row.day) }));
  const arms = data.arms.filter((arm) => rows.some((row) => row.arm === arm));
  const height = 260;
  const top = data.top ?? 1.05 * Math.max(1, ...rows.map((row) => row.value));
  const ends = spread(arms.map((arm) => rows.findLast((row) => row.arm === arm)), (LINE * top) / (height - 44));
  const marginRight = room(arms, width / 3);
  return {
    ...scales(data),
    width,
    height,
    marginLeft: 56,
    marginRight,
    marginTop: 12,
    marginBottom: 32,
    x: timeScale(rows, width - marginRight),
    y: { domain: [0, top], label: null, tickFormat: format, ticks: 5 },
    marks: [
      Plot.gridY({ stroke: GRID, strokeOpacity: 1 }),
      Plot.ruleY([0]),
      ...arms.map((arm) => drawLine(data, rows.filter((row) => row.arm === arm))),
      dots(rows, { x: 'date', y: 'value', r: 3 }),
      Plot.text(ends, { x: 'date', y: 'at', text: 'arm', textAnchor: 'start', dx: 10, ...cut(marginRight, width / 3) }),
      tip(rows, { x: 'date', y: 'value' }),
    ],
  };
}

function drawLine(data, rows) {
  const strokeDasharray = dash(data.arms.indexOf(rows[0].arm));
  return Plot.lineY(rows, { x: 'date', y: 'value', stroke: 'arm', strokeWidth: 2, strokeDasharray, curve: data.curve });
}

/* Names that would stand on each other are moved apart. */
function spread(ends, least) {
  let below = -Infinity;
  return ends
    .sort((one, two) => one.value - two.value)
    .map((end) => {
      below = Math.max(end.value, below + least);
      return { ...end, at: below };
    });
}

function timeScale(rows, width) {
  const names = new Map(rows.map((row) => [row.date.getTime(), row.when]));
  const every = Math.ceil(names.size / Math.max(1, width / 90));
  const ticks = [...names.keys()].sort((one, two) => one - two).filter((time, index) => index % every === 0);
  return { type: 'utc', label: null, ticks: ticks.map((time) => new Date(time)), tickFormat: (date) => names.get(date.getTime()) };
}

/* Numbers as the page writes them: it says how percents look in its language. */
function formatOf(data) {
  const number = new Intl.NumberFormat(language, NUMBERS[data.format]);
  if (data.format === 'number') return (value) => number.format(value);
  return (value) => data.percent.replace('%(number)s', number.format(value * 100)).replace('%%', '%');
}

const DRAWINGS = { effects: drawEffects, band: drawBand, lines: drawLines };

function draw(figure, data, canvas) {
  const width = Math.max(280, canvas.clientWidth);
  const options = DRAWINGS[data.kind](data, width, formatOf(data));
  const drawn = Plot.plot({ ...options, className: 'slot-plot__svg', ariaLabel: data.title, ariaDescription: data.description });
  const svg = drawn.matches('svg') ? drawn : drawn.querySelector('svg');
  svg.setAttribute('role', 'img');
  svg.querySelector('style')?.remove(); // the stylesheet has it: a strict content security policy allows no other
  svg.addEventListener('input', () => tell(figure, svg.value));
  canvas.replaceChildren(drawn);
}

function tell(figure, row) {
  figure.querySelector('.slot-plot__told').textContent = row?.told ?? '';
}

/* Puts the pointer, as Plot knows it, on the next or the previous figure. */
function walk(event, canvas) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const points = [...canvas.querySelectorAll('.slot-plot__points path, .slot-plot__points circle')];
  if (!(event.key in steps) || !points.length) return;
  event.preventDefault();
  const next = Number(canvas.dataset.point ?? (steps[event.key] > 0 ? -1 : 0)) + steps[event.key];
  canvas.dataset.point = (next + points.length) % points.length;
  point(canvas, 'pointermove', points[canvas.dataset.point].getBoundingClientRect());
}

function point(canvas, type, box) {
  const place = box ? { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 } : {};
  canvas.querySelector('svg')?.dispatchEvent(new PointerEvent(type, { ...place, pointerType: 'mouse' }));
}

function start(figure) {
  const canvas = figure.querySelector('.slot-plot__canvas');
  const data = JSON.parse(document.getElementById(figure.dataset.experimentPlot).textContent);
  canvas.tabIndex = 0;
  canvas.addEventListener('keydown', (event) => walk(event, canvas));
  canvas.addEventListener('blur', () => point(canvas, 'pointerleave'));
  let width = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    draw(figure, data, canvas);
  }).observe(canvas);
}

document.querySelectorAll('[data-experiment-plot]').forEach(start);
