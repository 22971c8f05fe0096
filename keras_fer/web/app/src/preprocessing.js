// Crop and resize, the same bytes as keras_fer/runtime/preprocessing.py, whose formulas hold here too.
//
// An image is {data, width, height}: data is a Uint8ClampedArray or Uint8Array of RGBA (as ImageData has it)
// or, where `channels` is 3, of RGB.

const LARGEST_BOX = 4; // as in Python: a box much larger than its image is a mistake of units

/** Drops the alpha channel; pictures are drawn on opaque canvases. */
export function rgb(image) {
  if (image.channels === 3) return image;
  const pixels = image.width * image.height;
  const data = new Uint8ClampedArray(pixels * 3);
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += 4) {
    data[to++] = image.data[from];
    data[to++] = image.data[from + 1];
    data[to++] = image.data[from + 2];
  }
  return { data, width: image.width, height: image.height, channels: 3 };
}

/** The weights of the triangle filter for each output pixel, from the part [start, end) of an axis of n pixels. */
function weights(n, m, start = 0, end = n) {
  const scale = (end - start) / m;
  const support = Math.max(scale, 1);
  const rows = [];
  for (let i = 0; i < m; i++) {
    const center = start + (i + 0.5) * scale;
    const first = Math.max(Math.floor(center - support + 0.5), 0);
    const last = Math.min(Math.floor(center + support + 0.5), n);
    const row = [];
    let total = 0;
    for (let j = first; j < last; j++) {
      const weight = Math.max(0, 1 - Math.abs(j + 0.5 - center) / support);
      row.push(weight);
      total += weight;
    }
    rows.push({ first, values: row.map((weight) => Math.floor((weight / total) * 2 ** 22 + 0.5)) });
  }
  return rows;
}

/** Filters RGB along one axis. `step` is the distance in `data` from a pixel to the next along that axis. */
function along(data, out, lines, lineStep, outLineStep, step, outStep, rows) {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < rows.length; i++) {
      const { first, values } = rows[i];
      let red = 2 ** 21, green = 2 ** 21, blue = 2 ** 21;
      let at = line * lineStep + first * step;
      for (let j = 0; j < values.length; j++, at += step) {
        red += values[j] * data[at];
        green += values[j] * data[at + 1];
        blue += values[j] * data[at + 2];
      }
      // The sums stay below 2 ** 31; the clamped array limits them to 0..255.
      const to = line * outLineStep + i * outStep;
      out[to] = red >> 22;
      out[to + 1] = green >> 22;
      out[to + 2] = blue >> 22;
    }
  }
}

/**
 * Resizes RGB with the triangle filter, first along the width, rounded, then along the height.
 * `region` = [right, bottom] limits what is resized to the part from the upper left corner, in fractions of pixels.
 */
export function resize(image, height, width, region = [image.width, image.height]) {
  let { data } = image;
  if (width !== image.width || region[0] !== image.width) {
    const narrowed = new Uint8ClampedArray(width * image.height * 3);
    along(data, narrowed, image.height, image.width * 3, width * 3, 3, 3, weights(image.width, width, 0, region[0]));
    data = narrowed;
  }
  if (height !== image.height || region[1] !== image.height) {
    const lowered = new Uint8ClampedArray(width * height * 3);
    along(data, lowered, width, 3, 3, width * 3, width * 3, weights(image.height, height, 0, region[1]));
    data = lowered;
  }
  if (data === image.data) data = data.slice();
  return { data, width, height, channels: 3 };
}

/** Makes a box [left, top, right, bottom] square around its centre, enlarges it and moves it down. */
export function squareBox(box, margin = 0, shift = 0) {
  const [left, top, right, bottom] = box;
  const longer = Math.max(right - left, bottom - top);
  if (!(Number.isFinite(longer) && right > left && bottom > top)) {
    throw new Error(`A face box has left < right and top < bottom, in pixels. Received: ${box}`);
  }
  const half = longer * (0.5 + margin);
  const x = (left + right) / 2, y = (top + bottom) / 2 + longer * shift;
  return [x - half, y - half, x + half, y + half];
}

/**
 * Cuts the square around a face, turned if asked for, and resizes it; without a box the centre square.
 *
 * @param image RGB.
 * @param box left, top, right, bottom in pixels, or null.
 * @param size height and width of the result.
 * @param contract with crop_margin, crop_shift; see the model contract.
 * @param roll degrees by which the face is turned clockwise.
 */
export function faceCrop(image, box, size, { crop_margin: margin = 0, crop_shift: shift = 0 } = {}, roll = 0) {
  const { width, height } = image;
  if (box === null) {
    const side = Math.min(width, height);
    return resize(cut(image, Math.floor((width - side) / 2), Math.floor((height - side) / 2), side), size, size);
  }
  const square = squareBox(box, margin, shift);
  if (box[0] >= width || box[1] >= height || box[2] <= 0 || box[3] <= 0) {
    throw new Error(`The face box ${box} lies outside the image of ${width} × ${height} pixels.`);
  }
  if (Math.max(box[2] - box[0], box[3] - box[1]) > LARGEST_BOX * Math.max(width, height)) {
    throw new Error(`The face box ${box} is far larger than the image of ${width} × ${height} pixels.`);
  }
  const side = Math.max(Math.floor(square[2] - square[0] + 0.5), 1);
  const left = Math.floor(square[0] + 0.5), top = Math.floor(square[1] + 0.5);
  if (roll === 0) return resize(cut(image, left, top, side), size, size);
  const center = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  return resize(cutTurned(image, left, top, side, center, (roll * Math.PI) / 180), size, size);
}

const limited = (value, last) => Math.min(Math.max(value, 0), last);

/** The square at whole pixels; outside the image the border is repeated. */
function cut(image, left, top, side) {
  const data = new Uint8ClampedArray(side * side * 3);
  let to = 0;
  for (let row = top; row < top + side; row++) {
    const line = limited(row, image.height - 1) * image.width;
    for (let column = left; column < left + side; column++) {
      const from = (line + limited(column, image.width - 1)) * 3;
      data[to++] = image.data[from];
      data[to++] = image.data[from + 1];
      data[to++] = image.data[from + 2];
    }
  }
  return { data, width: side, height: side, channels: 3 };
}

/** The square after it was turned clockwise around a point, interpolated bilinearly. */
function cutTurned(image, left, top, side, center, roll) {
  const { width, height, data } = image;
  const out = new Uint8ClampedArray(side * side * 3);
  const cosine = Math.cos(roll), sine = Math.sin(roll);
  let to = 0;
  for (let row = 0; row < side; row++) {
    const down = top + row + 0.5 - center[1];
    for (let column = 0; column < side; column++) {
      const across = left + column + 0.5 - center[0];
      const x = limited(center[0] + across * cosine - down * sine - 0.5, width - 1);
      const y = limited(center[1] + across * sine + down * cosine - 0.5, height - 1);
      const x0 = Math.floor(x), y0 = Math.floor(y);
      const x1 = Math.min(x0 + 1, width - 1), y1 = Math.min(y0 + 1, height - 1);
      const right = x - x0, below = y - y0;
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[(y0 * width + x0) * 3 + channel] * (1 - right) + data[(y0 * width + x1) * 3 + channel] * right;
        const lower = data[(y1 * width + x0) * 3 + channel] * (1 - right) + data[(y1 * width + x1) * 3 + channel] * right;
        out[to++] = Math.floor(upper * (1 - below) + lower * below + 0.5);
      }
    }
  }
  return { data: out, width: side, height: side, channels: 3 };
}
