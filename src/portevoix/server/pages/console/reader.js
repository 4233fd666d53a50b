import { make } from "./element.js";

const LOOKAHEAD_WORDS = 12;
const WORDS = /[\p{L}\p{N}\p{M}]+(?:['’.,-][\p{L}\p{N}\p{M}]+)*/gu;

/**
 * Shows a text whose words light up as they are heard.
 *
 * What is spoken is the text without its markup, so each word that is told is looked for among the next written ones.
 */
export class Reader {
  #element;
  #scroller;
  #words = [];
  #marks = [];
  #next = 0;
  #lit = -1;
  #mayScroll = true;

  /** `scroller` scrolls when the words do; a textarea above the reader where it is not the reader itself. */
  constructor(element, scroller = element) {
    this.#element = element;
    this.#scroller = scroller;
    if (scroller !== element)
      scroller.addEventListener("scroll", () => {
        element.scrollTop = scroller.scrollTop;
      });
    for (const name of ["wheel", "touchmove", "keydown"]) {
      scroller.addEventListener(
        name,
        () => {
          this.#mayScroll = false;
        },
        { passive: true },
      );
    }
  }

  /** Show a text, with nothing lit. */
  show(text) {
    this.clear();
    this.add(text);
    if (this.#scroller !== this.#element) this.#element.append("\n");
    this.#element.scrollTop = this.#scroller.scrollTop;
    this.#mayScroll = true;
  }

  /** Show more of a text behind what is shown. */
  add(text) {
    let end = 0;
    for (const match of text.matchAll(WORDS)) {
      const span = make("span", { class: "word" }, match[0]);
      this.#element.append(text.slice(end, match.index), span);
      this.#words.push({ span, text: plain(match[0]) });
      end = match.index + match[0].length;
    }
    this.#element.append(text.slice(end));
  }

  /** Take a word, or several that are said as one, and the second in which it begins to be heard. */
  mark({ text, start }) {
    const spans = [...text.matchAll(WORDS)].map((match) => this.#find(plain(match[0]))).filter(Boolean);
    if (spans.length) this.#marks.push({ spans, start });
  }

  /** Light what is heard at a moment, in seconds. */
  light(seconds) {
    let now = this.#lit;
    while (now + 1 < this.#marks.length && this.#marks[now + 1].start <= seconds) now += 1;
    if (now === this.#lit) return;
    this.rest();
    for (const { spans } of this.#marks.slice(this.#lit + 1, now + 1)) {
      for (const span of spans) span.classList.add("said");
    }
    for (const span of this.#marks[now].spans) span.classList.add("now");
    this.#lit = now;
    this.#follow(this.#marks[now].spans[0]);
  }

  /** Light the last word no more. */
  rest() {
    for (const span of this.#element.querySelectorAll(".now")) span.classList.remove("now");
  }

  clear() {
    this.#element.replaceChildren();
    this.#words = [];
    this.#marks = [];
    this.#next = 0;
    this.#lit = -1;
  }

  /** Return where the next word that is spoken is written; null where it is not. */
  #find(wanted) {
    const near = this.#words.slice(this.#next, this.#next + LOOKAHEAD_WORDS);
    const found = wanted ? find(wanted, near) : -1;
    if (found < 0) return null;
    const isWhole = near[found].text.endsWith(wanted) || wanted.includes(near[found].text);
    this.#next += found + (isWhole ? 1 : 0);
    return near[found].span;
  }

  #follow(span) {
    if (!this.#mayScroll) return;
    const { scrollTop, clientHeight } = this.#scroller;
    const top = span.offsetTop;
    if (top < scrollTop || top + 2 * span.offsetHeight > scrollTop + clientHeight)
      this.#scroller.scrollTop = top - clientHeight / 3;
  }
}

/** Return which of the next written words is meant, -1 for none: the same one, else one that is said in parts. */
function find(wanted, near) {
  const same = near.findIndex(({ text }) => text === wanted);
  if (same >= 0 || wanted.length < 2) return same;
  const isPart = ({ text }) => text.length > 1 && (text.includes(wanted) || wanted.includes(text));
  return near.slice(0, 2).findIndex(isPart);
}

/** Return a word without case and accents, as it is compared. */
function plain(word) {
  return word
    .normalize("NFKD")
    .replace(/[\p{M}\p{P}\p{S}\s]/gu, "")
    .toLowerCase();
}
