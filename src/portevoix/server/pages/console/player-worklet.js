/** Least sound at hand before playing begins, and before it goes on after it had run dry, in seconds. */
const LEAD_SECONDS = 0.03;
const RECOVERY_SECONDS = 0.2;
const REPORT_SECONDS = 0.04;

/**
 * Plays samples in the order in which they are pushed; runs on the audio thread.
 *
 * Told: `{begin: id}`, `{id, push: Float32Array}`, `{id, end: true}`, `{stop: true}`; what is for another id is passed
 * over. Tells `{id, heard, state}`: `heard` counts samples, `state` is `first`, `playing`, `dry` or `over`.
 */
class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.reset(0);
    this.port.onmessage = ({ data }) => this.take(data);
  }

  reset(id) {
    Object.assign(this, {
      id,
      queue: [],
      offset: 0,
      waiting: 0,
      heard: 0,
      reported: 0,
      isEnded: false,
      isPlaying: false,
      isFading: false,
      isOver: !id,
    });
  }

  take(order) {
    if (order.begin) this.reset(order.begin);
    if (order.id !== undefined && order.id !== this.id) return;
    if (order.stop) this.isFading = true;
    if (order.end) this.isEnded = true;
    if (order.push) {
      this.queue.push(order.push);
      this.waiting += order.push.length;
    }
  }

  tell(state) {
    this.reported = this.heard;
    this.port.postMessage({ id: this.id, heard: this.heard, state });
  }

  process(_, [[output]]) {
    if (this.isOver || !this.mayPlay()) return true;
    const taken = this.fill(output);
    if (this.isFading) return this.fade(output);
    if (!this.heard && taken) this.port.postMessage({ id: this.id, heard: 0, state: "first" });
    this.heard += taken;
    if (this.heard - this.reported >= REPORT_SECONDS * sampleRate) this.tell("playing");
    if (!this.waiting) this.runDry();
    return true;
  }

  /** End without a click: what is left of this moment fades out. */
  fade(output) {
    for (let index = 0; index < output.length; index++) output[index] *= 1 - index / output.length;
    this.reset(0);
    return true;
  }

  mayPlay() {
    const lead = this.heard ? RECOVERY_SECONDS : LEAD_SECONDS;
    this.isPlaying ||= this.isEnded || this.waiting >= lead * sampleRate;
    return this.isPlaying;
  }

  runDry() {
    this.isPlaying = false;
    this.isOver = this.isEnded;
    this.tell(this.isOver ? "over" : "dry");
  }

  fill(output) {
    let done = 0;
    while (done < output.length && this.queue.length) {
      const part = this.queue[0].subarray(this.offset, this.offset + output.length - done);
      output.set(part, done);
      done += part.length;
      this.offset += part.length;
      if (this.offset >= this.queue[0].length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    this.waiting -= done;
    return done;
  }
}

registerProcessor("playback", Playback);
