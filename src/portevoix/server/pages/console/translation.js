import { offer } from "./choices.js";
import { commandLine, commandsIn } from "./command.js";
import { get, make, tell } from "./element.js";
import { duration, language, languageName, say } from "./language.js";
import { Reader } from "./reader.js";
import { Recital } from "./recital.js";
import { ask, read } from "./server.js";
import { Broken, makeOrder } from "./speech.js";
import { Wave } from "./wave.js";

const AUTO = "auto";
const OWN_TARGETS = { fr: "en", en: "fr" };

/** Translates a text, shows it, and speaks it. */
export class Translation {
  #recital;
  #reader;
  #known = null;
  #made = null;
  #isSample = true;
  #isBusy = false;

  constructor(player) {
    this.#reader = new Reader(get("translated"));
    this.#recital = new Recital({
      player,
      wave: new Wave(get("translated-wave")),
      reader: this.#reader,
      time: get("translated-time"),
    });
    get("translation").addEventListener("submit", (event) => {
      event.preventDefault();
      this.toggle();
    });
    get("translate-only").addEventListener("click", () => this.#attempt(() => this.#translate()));
    get("swap").addEventListener("click", () => this.#swap());
    get("source").addEventListener("change", () => this.#offerTargets());
    get("source-text").addEventListener("input", () => {
      this.#isSample = false;
    });
    language.subscribe(() => this.#showWords());
  }

  /** Ask what can be translated. */
  async refresh() {
    if (!this.#known) tell(get("translate-note"), say("translate.asking"));
    try {
      this.#known = await read("translate/languages");
    } catch (error) {
      tell(get("translate-alert"), error.message);
    }
    this.#showLanguages();
  }

  /** Translate and speak, or stop speaking. */
  toggle() {
    if (this.#recital.isSpeaking) this.stop();
    else this.#attempt(() => this.#translateAndSpeak());
  }

  stop() {
    this.#recital.stop();
    this.#showButton();
  }

  async #translateAndSpeak() {
    const { translated_text: text, target_lang: target } = await this.#translate();
    const order = makeOrder({ text, language: target, speed: 1, format: "pcm" });
    const speaking = this.#recital.speak(order);
    this.#isBusy = false;
    this.#showButton();
    await speaking;
  }

  async #translate() {
    const answer = await ask("POST", "translate", {
      body: {
        text: get("source-text").value,
        source_lang: get("source").value,
        target_lang: get("target").value,
        enable_tts: false,
      },
    });
    this.#made = await answer.json();
    get("translated").lang = this.#made.target_lang;
    this.#reader.show(this.#made.translated_text);
    this.#showMade();
    return this.#made;
  }

  async #attempt(act) {
    if (this.#isBusy || !get("translation").reportValidity()) return;
    this.stop();
    this.#isBusy = true;
    this.#showButton();
    tell(get("translate-alert"), "");
    try {
      await act();
    } catch (error) {
      tell(get("translate-alert"), error instanceof Broken ? `${say("speak.broken")} ${error.message}` : error.message);
    }
    this.#isBusy = false;
    this.#showButton();
  }

  #swap() {
    const source = get("source").value === AUTO ? this.#made?.source_lang : get("source").value;
    const target = get("target").value;
    if (!source) return;
    get("source").value = target;
    this.#offerTargets();
    get("target").value = source;
    if (!this.#made) return;
    get("source-text").value = this.#made.translated_text;
    this.#isSample = false;
    this.#made = null;
    this.#reader.clear();
    tell(get("translate-note"), "");
  }

  #showWords() {
    if (this.#isSample) get("source-text").value = say("translate.sample");
    this.#showLanguages();
    this.#showButton();
    this.#showMade();
  }

  #showLanguages() {
    const sources = (this.#known?.languages ?? []).map(({ code }) => [code, languageName(code)]);
    offer(get("source"), [[AUTO, say("translate.auto")], ...inOrder(sources)], AUTO);
    this.#offerTargets();
    this.#showNeeds();
  }

  #offerTargets() {
    const known = this.#known?.languages ?? [];
    const source = get("source").value;
    const fitting = known.filter(({ code }) => source === AUTO || code === source);
    const targets = [...new Set(fitting.flatMap((one) => one.targets))].map((code) => [code, languageName(code)]);
    const wished = OWN_TARGETS[language.value];
    offer(get("target"), inOrder(targets), targets.some(([code]) => code === wished) ? wished : targets[0]?.[0]);
  }

  /** Say what is missing where nothing can be translated. */
  #showNeeds() {
    const isReady = Boolean(this.#known?.ready);
    for (const id of ["translate-play", "translate-only", "swap"]) get(id).disabled = !isReady;
    const engines = isReady || !this.#known ? [] : this.#known.engines;
    if (this.#known && !this.#made) tell(get("translate-note"), isReady ? "" : say("translate.none"));
    get("translate-needs").replaceChildren(
      ...engines.map(({ name, why, hint }) =>
        make(
          "li",
          {},
          make("strong", {}, name),
          " ",
          make("span", { lang: "en" }, why),
          ...commandsIn(hint).map(commandLine),
        ),
      ),
    );
  }

  #showMade() {
    if (!this.#made) return;
    const { engine, chain, times, rule_based: isRough, why_degraded: why, detected } = this.#made;
    const parts = [say("translate.by", engine, duration(times.total_seconds), chain.map(languageName).join(" → "))];
    if (detected) parts.push(say("translate.detected", languageName(detected.source_lang)));
    if (isRough) parts.push(say("translate.gist"));
    if (why) parts.push(why);
    tell(get("translate-note"), `${parts.join(". ")}.`);
  }

  #showButton() {
    const isSpeaking = this.#recital.isSpeaking;
    tell(get("translate-play").querySelector("span"), say(isSpeaking ? "speak.stop" : "translate.play"));
    get("translate-play")
      .querySelector("use")
      .setAttribute("href", isSpeaking ? "#i-stop" : "#i-play");
    get("translate-play").setAttribute("aria-busy", String(this.#isBusy));
  }
}

function inOrder(choices) {
  return choices.sort((one, other) => one[1].localeCompare(other[1], language.value));
}
