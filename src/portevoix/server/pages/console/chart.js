import { draw } from "./element.js";

const GUTTER_PX = 46;
const FOOT_PX = 22;
const TOP_PX = 8;

/** A drawing that is made anew whenever its room changes. */
export class Chart {
  #svg;
  #paint = () => {};

  constructor(svg) {
    this.#svg = svg;
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  /** Show what `paint` draws in a `Plot`; `label` says the same to those who cannot see it. */
  show(label, paint) {
    this.#svg.setAttribute("aria-label", label);
    this.#paint = paint;
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#svg.getBoundingClientRect();
    if (!width) return;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren();
    this.#paint(new Plot(this.#svg, width, height));
  }
}

/** The room of one chart, with its axes. */
class Plot {
  #svg;

  constructor(svg, width, height) {
    this.#svg = svg;
    this.left = GUTTER_PX;
    this.right = width - 6;
    this.top = TOP_PX;
    this.bottom = height - FOOT_PX;
  }

  /** Return the middle of one of `count` columns. */
  column(index, count) {
    return this.left + ((index + 0.5) / count) * (this.right - this.left);
  }

  /** Return how high a share, 0 to 1, of the height stands. */
  level(share) {
    return this.bottom - share * (this.bottom - this.top);
  }

  add(name, attributes, ...children) {
    this.#svg.append(draw(name, attributes, ...children));
  }

  line(share, words) {
    const y = this.level(share);
    this.add("line", { x1: this.left, x2: this.right, y1: y, y2: y, class: "grid" });
    this.add("text", { x: this.left - 8, y: y + 4, "text-anchor": "end" }, words);
  }

  foot(words, anchor) {
    const x = { start: this.left, middle: (this.left + this.right) / 2, end: this.right }[anchor];
    this.add("text", { x, y: this.bottom + FOOT_PX - 5, "text-anchor": anchor }, words);
  }

  note(words) {
    this.add(
      "text",
      { x: (this.left + this.right) / 2, y: (this.top + this.bottom) / 2, "text-anchor": "middle" },
      words,
    );
  }
}
