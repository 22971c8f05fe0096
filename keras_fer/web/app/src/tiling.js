// Overlapping squares of a picture, as in keras_fer/runtime/tiling.py.

const TILE_SIDES = [1 / 2, 1 / 4]; // of the longer side of the picture
const OVERLAP = 0.4; // of a tile's side

/** The tiles [left, top, right, bottom] of a picture, larger ones first; none smaller than `smallest`. */
export function tiles(height, width, smallest) {
  const found = [];
  for (const share of TILE_SIDES) {
    const side = Math.max(height, width) * share;
    if (side < smallest) break;
    for (const top of starts(height, side)) {
      for (const left of starts(width, side)) found.push([left, top, left + side, top + side]);
    }
  }
  return found;
}

function starts(length, side) {
  const room = length - side;
  if (room <= 0) return [0];
  const steps = Math.ceil(room / (side * (1 - OVERLAP)) - 1e-9);
  return Array.from({ length: steps + 1 }, (_, step) => (room * step) / steps);
}
