import { button, get, isNews, make, tell } from "./element.js";
import { date, language, number, say } from "./language.js";
import { Recorder } from "./recorder.js";
import { ask } from "./server.js";
import { isStored, refreshVoices, voices } from "./voices.js";

const LARGEST_BYTES = 10 * 1024 * 1024;
const FIELD = "audio_sample";

/** Let people keep a voice of their own, from the microphone or from a file. */
export class Cloning {
  #recorder = new Recorder();
  #sample = null;
  #address = "";

  constructor() {
    get("record").addEventListener("click", () => this.#attempt(() => this.#record()));
    get("clone-file").addEventListener("change", () => this.#take(get("clone-file").files[0] ?? null));
    get("cloning").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#attempt(() => this.#add());
    });
    language.subscribe(() => this.#showButton());
    for (const source of [voices, language]) source.subscribe(() => this.#showStored());
  }

  async #record() {
    if (this.#recorder.isRecording) {
      const recording = await this.#recorder.end();
      get("clone-file").value = "";
      this.#take(recording);
    } else {
      this.#showLevel(await this.#recorder.begin());
    }
    this.#showButton();
  }

  #take(sample) {
    this.#sample = sample;
    URL.revokeObjectURL(this.#address);
    this.#address = sample ? URL.createObjectURL(sample) : "";
    get("sample").hidden = !sample;
    if (sample) get("sample").src = this.#address;
    else get("sample").removeAttribute("src");
  }

  async #add() {
    if (!this.#sample) throw new Error(say("clone.noSample"));
    if (this.#sample.size > LARGEST_BYTES) throw new Error(say("clone.tooLarge"));
    const name = get("clone-name").value.trim();
    tell(get("clone-news"), say("clone.adding"));
    await ask("POST", "v1/audio/voices", { body: makeForm(name, this.#sample) });
    get("cloning").reset();
    this.#take(null);
    tell(get("recorded"), "");
    tell(get("clone-news"), say("clone.added", name));
    await refreshVoices();
  }

  async #attempt(act) {
    tell(get("clone-alert"), "");
    tell(get("clone-news"), "");
    get("clone-add").disabled = true;
    try {
      await act();
    } catch (error) {
      tell(get("clone-news"), "");
      tell(get("clone-alert"), error.message);
    }
    get("clone-add").disabled = false;
  }

  #showButton() {
    tell(get("record").querySelector("span"), say(this.#recorder.isRecording ? "clone.stop" : "clone.record"));
    get("record")
      .querySelector("use")
      .setAttribute("href", this.#recorder.isRecording ? "#i-stop" : "#i-record");
  }

  #showLevel(analyser) {
    const began = performance.now();
    const meter = new Meter(get("meter"), analyser);
    const step = () => {
      tell(get("recorded"), say("seconds", number((performance.now() - began) / 1000, 1)));
      meter.draw();
      if (this.#recorder.isRecording) requestAnimationFrame(step);
    };
    step();
  }

  #showStored() {
    const stored = voices.value.filter(isStored);
    if (!isNews(get("clones"), [stored, language.value])) return;
    get("clones").replaceChildren(...stored.map((voice) => this.#row(voice)));
  }

  #row(voice) {
    const remove = button(say("models.remove"), () => this.#remove(voice), {
      icon: "trash",
      class: "small",
      "aria-label": say("clone.deleteNamed", voice.name),
    });
    const about = make("span", { class: "about" }, date(1000 * voice.created_at));
    const why = voice.why_not ? [make("p", { class: "failed", lang: "en" }, voice.why_not)] : [];
    return make(
      "li",
      {},
      make("span", { class: "name" }, voice.name),
      about,
      make("span", { class: "buttons" }, remove),
      ...why,
    );
  }

  #remove(voice) {
    if (!confirm(say("models.confirm", voice.name))) return;
    this.#attempt(() => ask("DELETE", `v1/audio/voices/${encodeURIComponent(voice.id)}`).then(refreshVoices));
  }
}

/** How loud a microphone is, as a bar. */
class Meter {
  #canvas;
  #analyser;
  #samples;

  constructor(canvas, analyser) {
    this.#canvas = canvas;
    this.#analyser = analyser;
    this.#samples = new Float32Array(analyser.fftSize);
  }

  draw() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const loudest = this.#samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    Object.assign(this.#canvas, { width, height });
    const paint = this.#canvas.getContext("2d");
    paint.fillStyle = getComputedStyle(this.#canvas).getPropertyValue("--accent");
    paint.fillRect(0, 0, width * Math.min(1, loudest ** 0.5), height);
  }
}

function makeForm(name, sample) {
  const form = new FormData();
  form.append("name", name);
  form.append("consent", say("clone.consent"));
  form.append(FIELD, sample, sample.name ?? `recording.${sample.type.split("/")[1]}`);
  return form;
}
