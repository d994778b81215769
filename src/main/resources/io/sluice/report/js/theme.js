// Colours live in the style sheet; charts read them from there, so that both change together.

const root = document.documentElement;
const redraws = [];
let printing = false;

function colour(name) {
  return getComputedStyle(root).getPropertyValue('--' + name).trim();
}

const KINDS = ['attn_out', 'mlp_out', 'resid', 'z'];
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin', 'arrow', 'emptyCircle'];
const DASHES = ['solid', [7, 3], [2, 3], [9, 3, 2, 3]];

/** How a kind of hook point looks: by colour, by marker and by dash, never by colour alone. */
function lookOfKind(kind, others = []) {
  const known = KINDS.indexOf(kind);
  if (known >= 0) return { colour: kind, symbol: SYMBOLS[known], dash: DASHES[known] };
  if (kind === 'W_O') return { colour: 'W_O', symbol: 'rect', dash: DASHES[1] };
  const i = Math.max(0, others.indexOf(kind));
  return { colour: 'other-' + (1 + (i % 2)), symbol: SYMBOLS[4 + (i % 4)], dash: DASHES[i % 4] };
}

function lookOfRun(i) {
  return {
    colour: 'run-' + (1 + (i % 8)),
    symbol: SYMBOLS[i % 4],
    dash: DASHES[Math.floor(i / 2) % 2 === 0 ? i % 2 : 2 + (i % 2)],
  };
}

function setTheme(name) {
  if (root.dataset.theme === name) return;
  root.dataset.theme = name;
  for (const redraw of redraws) redraw();
}

function print(theme, begins) {
  printing = begins;
  root.dataset.theme = theme;
  for (const redraw of redraws) redraw();
}

function systemTheme() {
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

function followTheme() {
  const chosen = () => (root.dataset.themeChoice === 'auto' ? systemTheme() : root.dataset.themeChoice);
  for (const input of document.querySelectorAll('input[name="theme"]')) {
    input.checked = input.value === root.dataset.themeChoice;
    input.addEventListener('change', () => {
      root.dataset.themeChoice = input.value;
      try {
        localStorage.setItem('sluice-theme', input.value);
      } catch (denied) {
        // Without storage the choice lasts as long as the page.
      }
      setTheme(chosen());
    });
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTheme(chosen()));
  // Paper is white: print in light colours, and give back what was chosen afterwards.
  addEventListener('beforeprint', () => print('light', true));
  addEventListener('afterprint', () => print(chosen(), false));
}
