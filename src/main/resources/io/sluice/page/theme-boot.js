// Runs before the first paint, so that a dark page never flashes light.
(() => {
  let choice = 'auto';
  try {
    choice = localStorage.getItem('sluice-theme') || 'auto';
  } catch (denied) {
    // A page opened from a file may not have storage: the system's choice then stands.
  }
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const root = document.documentElement;
  root.dataset.themeChoice = choice === 'light' || choice === 'dark' ? choice : 'auto';
  root.dataset.theme = root.dataset.themeChoice === 'auto' ? (dark ? 'dark' : 'light') : choice;
})();
