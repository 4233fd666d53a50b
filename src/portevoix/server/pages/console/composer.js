import { get, make, tell } from "./element.js";
import { duration, language, number, say } from "./language.js";
import { Reader } from "./reader.js";
import { Recital } from "./recital.js";
import { Broken, fetchClip, makeOrder } from "./speech.js";
import { Wave } from "./wave.js";

const KEEP_LINK_MS = 10000;

/** The form that speaks: a text, how to say it, and what came of it. */
export class Composer {
  #recital;
  #reader;
  #isSample = true;

  constructor(player) {
    this.#reader = new Reader(get("reader"), get("text"));
    this.#recital = new Recital({ player, wave: new Wave(get("wave")), reader: this.#reader, time: get("time") });
    get("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.toggle();
    });
    get("download").addEventListener("click", () => this.download());
    get("text").addEventListener("input", () => this.#edited());
    get("speed").addEventListener("input", () => this.#showPace());
    language.subscribe(() => this.#showWords());
  }

  get isSpeaking() {
    return this.#recital.isSpeaking;
  }

  /** Speak, or stop speaking. */
  toggle() {
    if (this.isSpeaking) this.stop();
    else this.speak();
  }

  stop() {
    this.#recital.stop();
    this.#showButton();
  }

  async speak() {
    if (!get("composer").reportValidity()) return;
    tell(get("speak-alert"), "");
    get("receipt").hidden = true;
    try {
      const speaking = this.#recital.speak(this.#order("pcm"), {
        onBegun: (headers, run) => this.#showBegin(headers, run),
        onDone: (outcome) => this.#showEnd(outcome),
      });
      this.#showButton();
      await speaking;
    } catch (error) {
      tell(get("speak-alert"), error instanceof Broken ? `${say("speak.broken")} ${error.message}` : error.message);
    }
    this.#showButton();
  }

  async download() {
    if (!get("composer").reportValidity()) return;
    const button = get("download");
    tell(get("speak-alert"), "");
    button.disabled = true;
    tell(button.querySelector("span"), say("speak.preparing"));
    try {
      const order = this.#order(get("format").value);
      keep(await (await fetchClip(order)).blob(), `portevoix.${extension(order.response_format)}`);
      tell(get("news"), say("speak.downloaded"));
    } catch (error) {
      tell(get("speak-alert"), error.message);
    }
    button.disabled = false;
    tell(button.querySelector("span"), say("speak.download"));
  }

  #order(format) {
    const { value: text } = get("text");
    const speed = Number(get("speed").value);
    return makeOrder({
      text,
      speed,
      format,
      voice: get("voice").value,
      speaker: get("speaker").value,
      language: get("language").value,
    });
  }

  #edited() {
    this.#isSample = false;
    this.#reader.clear();
    this.#showCount();
  }

  #showWords() {
    if (this.#isSample) get("text").value = say("speak.sample");
    this.#showCount();
    this.#showPace();
    this.#showButton();
  }

  #showCount() {
    tell(get("text-count"), say("speak.count", number(get("text").value.length)));
  }

  #showPace() {
    tell(get("pace"), `${number(Number(get("speed").value), 2)} ×`);
  }

  #showButton() {
    const isSpeaking = this.isSpeaking;
    tell(get("play").querySelector("span"), say(isSpeaking ? "speak.stop" : "speak.play"));
    get("play")
      .querySelector("use")
      .setAttribute("href", isSpeaking ? "#i-stop" : "#i-play");
  }

  #showBegin(headers, run) {
    const voice = headers.get("X-TTS-Voice");
    const engine = headers.get("X-TTS-Engine");
    const why = headers.get("X-TTS-Fallback");
    showReceipt({ engine, voice, cache: headers.get("X-TTS-Cache"), why, firstMs: run.firstMs });
    tell(get("news"), say("speak.speaking", voice || engine));
  }

  #showEnd(outcome) {
    const firstMs = Number(get("receipt").dataset.firstMs);
    showReceipt({ ...outcome, why: outcome.fallback, firstMs, seconds: outcome.audio_seconds });
    tell(get("news"), say("speak.spoken", duration(outcome.audio_seconds)));
  }
}

function showReceipt({ engine, voice, cache, why, firstMs, seconds }) {
  const facts = [
    ["receipt.engine", engine],
    ["receipt.voice", voice],
    ["receipt.first", say("milliseconds", number(firstMs))],
    ["receipt.cache", say(cache === "hit" ? "cache.hit" : "cache.miss")],
    ["receipt.length", seconds && duration(seconds)],
  ];
  const rows = facts.filter(([, value]) => value).map(([key, value]) => fact(key, value));
  if (why) rows.push(fact("receipt.fallback", why, "wide"));
  get("receipt").replaceChildren(...rows);
  get("receipt").dataset.firstMs = firstMs;
  get("receipt").hidden = false;
}

function fact(key, value, kind) {
  return make("div", { class: kind }, make("dt", {}, say(key)), make("dd", {}, value));
}

/** Hand a file to the browser's downloads. */
function keep(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_LINK_MS);
}

const extension = (format) => (format === "opus" ? "ogg" : format);
