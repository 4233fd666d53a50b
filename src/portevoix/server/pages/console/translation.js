import { offer } from "./choices.js";
import { commandLine, commandsIn } from "./command.js";
import { get, make, tell } from "./element.js";
import { duration, language, languageName, say } from "./language.js";
import { Reader } from "./reader.js";
import { Recital } from "./recital.js";
import { ask, read } from "./server.js";
import { Broken, streamTranslation } from "./speech.js";
import { Wave } from "./wave.js";

const AUTO = "auto";
const OWN_TARGETS = { fr: "en", en: "fr" };
const UNTRANSLATED = ["translation_failed", "no_translator"];

/** Translates a text, shows it, and speaks it. */
export class Translation {
  #recital;
  #reader;
  #known = null;
  #made = null;
  #isSample = true;
  #isBusy = false;
  #turn = 0;

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

  /** Speak each sentence while the next ones are being translated; what is not spoken is translated all the same. */
  async #translateAndSpeak() {
    const order = { ...this.#order(), speed: 1 };
    const turn = this.#turn;
    let shown = "";
    let trouble = null;
    this.#forget(order.target_lang);
    const onPart = ({ begun, sentence, translation }) => {
      const more = sentence ? sentence.before + sentence.target : translation?.translated_text.slice(shown.length);
      if (more) this.#reader.add(more);
      shown += more ?? "";
      if (translation) this.#take(translation);
      if (begun) this.#rest();
    };
    try {
      await this.#recital.speak(order, { text: "", source: streamTranslation, onPart });
    } catch (error) {
      if (error.status < 500 || UNTRANSLATED.includes(error.code)) throw error;
      trouble = error;
    }
    if (!this.#made && (shown || trouble) && turn === this.#turn) await this.#translate(order);
    if (trouble) throw trouble;
  }

  async #translate(order = this.#order()) {
    this.#forget(order.target_lang);
    const answer = await ask("POST", "translate", { body: { ...order, enable_tts: false } });
    const made = await answer.json();
    this.#reader.show(made.translated_text);
    this.#take(made);
  }

  #order() {
    return {
      text: get("source-text").value,
      source_lang: get("source").value,
      target_lang: get("target").value,
    };
  }

  #forget(target) {
    this.#made = null;
    get("translated").lang = target;
  }

  #take(made) {
    this.#made = made;
    this.#showMade();
  }

  #rest() {
    this.#isBusy = false;
    this.#showButton();
  }

  async #attempt(act) {
    if (this.#isBusy || !get("translation").reportValidity()) return;
    this.stop();
    const turn = ++this.#turn;
    this.#isBusy = true;
    this.#showButton();
    tell(get("translate-alert"), "");
    try {
      await act();
    } catch (error) {
      if (turn !== this.#turn) return;
      tell(get("translate-alert"), error instanceof Broken ? `${say("speak.broken")} ${error.message}` : error.message);
    }
    if (turn === this.#turn) this.#rest();
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
    const took = duration(times.total_seconds ?? times.translation_seconds);
    const parts = [say("translate.by", engine, took, chain.map(languageName).join(" → "))];
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
