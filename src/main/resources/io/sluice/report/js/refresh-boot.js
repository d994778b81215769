// Runs before the first paint: a page that comes back stays as it was until it looks the same again.
(() => {
  let coming = false;
  try {
    coming = sessionStorage.getItem('sluice-view:' + location.pathname) !== null;
  } catch (denied) {
    // Without storage the browser alone keeps the place on the page.
  }
  if (!coming) return;
  document.documentElement.classList.add('returning');
  history.scrollRestoration = 'manual';
})();
