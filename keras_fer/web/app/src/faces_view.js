// What is seen: the picture with numbered faces, and a card with bars for each.

const MOST_CARDS = 6;
const LONGEST_SIDE = 1280; // of the canvas; photos are larger

const percent = (value) => `${Math.round(100 * value)} %`;

/** Draws the source and frames around the faces; `mirrored` as one is used to seeing oneself. */
export function draw(canvas, source, width, height, faces, mirrored) {
  const scale = Math.min(LONGEST_SIDE / Math.max(width, height), 1);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  context.save();
  if (mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  context.restore();
  const unit = Math.max(canvas.width, canvas.height) / 320;
  context.font = `600 ${7 * unit}px system-ui, sans-serif`;
  faces.forEach(({ face }, position) => {
    // Without a detector the middle of the picture is answered.
    const side = Math.min(width, height), x0 = Math.floor((width - side) / 2), y0 = Math.floor((height - side) / 2);
    const box = face ? face.box : [x0, y0, x0 + side, y0 + side];
    const [left, top, right, bottom] = box.map((value) => value * scale);
    const x = mirrored ? canvas.width - right : left;
    // Dark under light, so that the frame is seen on any picture.
    for (const [color, thick] of [["#10203a", 2.2], ["#8ab8ff", 1]]) {
      context.strokeStyle = color;
      context.lineWidth = thick * unit;
      context.strokeRect(x, top, right - left, bottom - top);
    }
    if (!face) return;
    const label = String(position + 1);
    context.fillStyle = "#10203a";
    context.fillRect(x, top, context.measureText(label).width + 6 * unit, 10 * unit);
    context.fillStyle = "#ffffff";
    context.fillText(label, x + 3 * unit, top + 7.7 * unit);
  });
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A card with one bar per expression. */
function card(names) {
  const root = element("article", "face");
  const title = element("h3", "");
  const list = element("dl", "");
  const rows = names.map((name) => {
    const term = element("dt", "", name);
    const bar = element("dd", "bar");
    const filled = element("span", "");
    const value = element("dd", "percent");
    bar.setAttribute("aria-hidden", "true"); // the percentage says the same
    bar.append(filled);
    list.append(term, bar, value);
    return { term, filled, value };
  });
  root.append(title, list);
  return { root, title, rows };
}

/** Shows the probabilities of each face; the cards stay where they are from frame to frame. */
export class Cards {
  constructor(parent, contract) {
    this.parent = parent;
    this.contract = contract;
    this.cards = [];
    parent.replaceChildren();
  }

  show(faces) {
    const shown = faces.slice(0, MOST_CARDS);
    while (this.cards.length < shown.length) {
      this.cards.push(card(this.contract.label_names));
      this.parent.append(this.cards.at(-1).root);
    }
    for (const { root } of this.cards.splice(shown.length)) root.remove();
    shown.forEach(({ probabilities }, position) => {
      const { title, rows } = this.cards[position];
      title.textContent = `${faces.length > 1 ? `${position + 1}: ` : ""}${this.best(probabilities)}`;
      const largest = Math.max(...probabilities);
      rows.forEach(({ term, filled, value }, k) => {
        term.classList.toggle("best", probabilities[k] === largest);
        value.classList.toggle("best", probabilities[k] === largest);
        filled.style.transform = `scaleX(${probabilities[k]})`;
        value.textContent = percent(probabilities[k]);
      });
    });
  }

  /** The most probable expression in words. */
  best(probabilities) {
    const largest = Math.max(...probabilities);
    const name = this.contract.label_names[probabilities.indexOf(largest)];
    return `${name}${largest < this.contract.uncertain_below ? ", uncertain" : ""}`;
  }
}
