// How the kinds of hook points and the runs look.

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
