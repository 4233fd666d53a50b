import { SAMPLE_RATE } from "./speech.js";

const IDLE_MS = 20000;

/** Plays one speech at a time from samples as they arrive; the sound is made on the audio thread. */
export class Player {
  #context = null;
  #node = null;
  #opening = null;
  #run = null;
  #owner = null;
  #count = 0;
  #resting = 0;

  /**
   * Begin a new speech of `owner`, ending the one before, whose owner is stopped.
   *
   * To be called from a click or a key, for a browser plays nothing otherwise.
   */
  begin(owner) {
    if (this.#owner !== owner) this.#owner?.stop();
    this.#owner = owner;
    this.stop();
    clearTimeout(this.#resting);
    const run = new Run(++this.#count, () => this.#latency());
    this.#run = run;
    this.#opening ??= this.#open();
    run.ready = this.#opening.then(() => {
      if (this.#run !== run) return;
      this.#context.resume();
      this.#node.port.postMessage({ begin: run.id });
      run.attach(this.#node.port);
    });
    return run;
  }

  /** End the speech at once. */
  stop() {
    this.#node?.port.postMessage({ stop: true });
    this.#run?.finish();
    this.#run = null;
    if (this.#context) this.#resting = setTimeout(() => this.#context.suspend(), IDLE_MS);
  }

  async #open() {
    this.#context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
    await this.#context.audioWorklet.addModule(new URL("player-worklet.js", import.meta.url));
    this.#node = new AudioWorkletNode(this.#context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }) => {
      if (data.id === this.#run?.id) this.#run.take(data);
    };
    this.#node.connect(this.#context.destination);
  }

  /** Seconds between a sample's leaving the audio thread and its being heard. */
  #latency() {
    return this.#context ? this.#context.outputLatency || this.#context.baseLatency || 0 : 0;
  }
}

/** One speech on its way to the ear. */
class Run {
  #port = null;
  #early = [];
  #heard = 0;
  #at = 0;
  #isMoving = false;
  #latency;

  constructor(id, latency) {
    this.id = id;
    this.ready = null;
    this.pushed = 0;
    this.#latency = latency;
    this.first = new Promise((done) => {
      this.toldFirst = done;
    });
    this.over = new Promise((done) => {
      this.finish = done;
    });
  }

  /** Seconds of sound that have been brought. */
  get seconds() {
    return this.pushed / SAMPLE_RATE;
  }

  /** Seconds of sound that have been heard. */
  get heard() {
    const since = this.#isMoving ? (performance.now() - this.#at) / 1000 : 0;
    return Math.max(0, Math.min(this.seconds, this.#heard / SAMPLE_RATE + since - this.#latency()));
  }

  push(samples) {
    this.pushed += samples.length;
    this.#post({ id: this.id, push: samples }, [samples.buffer]);
  }

  /** Say that nothing more will come. */
  end() {
    this.#post({ id: this.id, end: true });
  }

  attach(port) {
    this.#port = port;
    for (const [order, given] of this.#early.splice(0)) port.postMessage(order, given);
  }

  take({ heard, state }) {
    this.#heard = heard;
    this.#at = performance.now();
    this.#isMoving = state === "first" || state === "playing";
    if (state === "first") this.toldFirst();
    if (state === "over") this.finish();
  }

  #post(order, given = []) {
    if (this.#port) this.#port.postMessage(order, given);
    else this.#early.push([order, given]);
  }
}
