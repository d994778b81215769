// Colours live in the style sheet; what is drawn reads them from there, so that both change together.

const root = document.documentElement;
const redraws = [];
let printing = false;

function colour(name) {
  return getComputedStyle(root).getPropertyValue('--' + name).trim();
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
