import { SAMPLE_RATE } from "./speech.js";

const PEAKS_PER_SECOND = 50;
const STEP = SAMPLE_RATE / PEAKS_PER_SECOND;
const BAR_PX = 3;
const GAP_PX = 2;
const MARGIN_PX = 22;
const LEAST_SECONDS = 2;

/** The picture of a speech: a bar for each moment, in colour as far as it has been heard. */
export class Wave {
  #canvas;
  #peaks = [];
  #rest = 0;
  #peak = 0;
  #span = LEAST_SECONDS;
  #heard = 0;
  #isWhole = false;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.draw()).observe(canvas);
    document.documentElement.addEventListener("theme", () => this.draw());
  }

  /** Begin a speech that will be about `seconds` long. */
  begin(seconds) {
    this.#peaks = [];
    this.#rest = 0;
    this.#peak = 0;
    this.#heard = 0;
    this.#isWhole = false;
    this.#span = Math.max(LEAST_SECONDS, seconds);
    this.draw();
  }

  push(samples) {
    for (const sample of samples) {
      this.#peak = Math.max(this.#peak, Math.abs(sample));
      this.#rest += 1;
      if (this.#rest < STEP) continue;
      this.#peaks.push(this.#peak);
      this.#rest = 0;
      this.#peak = 0;
    }
  }

  /** Say that all of it is there. */
  end() {
    this.#isWhole = true;
  }

  /** Draw it as heard up to a moment, in seconds. */
  draw(heard = this.#heard) {
    this.#heard = heard;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    const paint = this.#canvas.getContext("2d");
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, width, height);
    this.#drawBars(paint, width, height);
  }

  #drawBars(paint, width, height) {
    const style = getComputedStyle(this.#canvas);
    const [silent, heard, waiting] = ["--line", "--accent", "--edge"].map((name) => style.getPropertyValue(name));
    const count = Math.floor((width - MARGIN_PX) / (BAR_PX + GAP_PX));
    const span = this.#showSpan();
    for (let bar = 0; bar < count; bar++) {
      const from = (bar / count) * span;
      const peak = this.#peakWithin(from, from + span / count);
      const tall = Math.max(BAR_PX, Math.min(1, 1.15 * peak ** 0.75) * (height - 28));
      paint.fillStyle = peak === 0 ? silent : from < this.#heard ? heard : waiting;
      paint.beginPath();
      paint.roundRect(MARGIN_PX + bar * (BAR_PX + GAP_PX), (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
      paint.fill();
    }
  }

  /** The seconds that the width stands for: an estimate that moves softly to the truth. */
  #showSpan() {
    const known = this.#peaks.length / PEAKS_PER_SECOND;
    const wanted = this.#isWhole ? Math.max(known, 0.2) : Math.max(this.#span, known * 1.1);
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.#span = isStill || Math.abs(wanted - this.#span) < 0.02 ? wanted : this.#span + (wanted - this.#span) * 0.12;
    return this.#span;
  }

  #peakWithin(from, to) {
    const first = Math.floor(from * PEAKS_PER_SECOND);
    const last = Math.max(first + 1, Math.floor(to * PEAKS_PER_SECOND));
    let peak = 0;
    for (let index = first; index < last && index < this.#peaks.length; index++)
      peak = Math.max(peak, this.#peaks[index]);
    return peak;
  }
}
