import { tell } from "./element.js";
import { number, say } from "./language.js";
import { Broken, streamSpeech } from "./speech.js";

/** Longer texts speak about this many characters in a second. */
const CHARACTERS_PER_SECOND = 15;

/**
 * Speaks a text while showing its wave and lighting its words.
 *
 * It leaves marks in the browser's performance timeline: `speech.asked`, `speech.played` (the first sample has left for
 * the ear), `speech.received` (the answer has ended) and `speech.over`.
 */
export class Recital {
  #player;
  #wave;
  #reader;
  #time;
  #cancel = null;

  constructor({ player, wave, reader, time }) {
    this.#player = player;
    this.#wave = wave;
    this.#reader = reader;
    this.#time = time;
  }

  get isSpeaking() {
    return this.#cancel !== null;
  }

  /**
   * Speak an order to its end; returns false when it was stopped.
   *
   * `onBegun` gets what is known once sound comes: headers, and the milliseconds from asking to hearing; `onPart` each
   * part that the `source` of the speech brings; `onDone` what became of it. Throws a `Refusal`, or `Broken` after what
   * came has been heard.
   */
  async speak(
    order,
    { text = order.input, source = streamSpeech, onBegun = () => {}, onPart = () => {}, onDone = () => {} } = {},
  ) {
    this.stop();
    const cancel = (this.#cancel = new AbortController());
    const run = this.#begin(order, text);
    this.#animate(run, cancel.signal);
    try {
      const parts = source(order, cancel.signal);
      const outcome = await this.#receive(parts, run, cancel.signal, onBegun, onPart);
      await run.over;
      if (cancel.signal.aborted) return false;
      onDone(outcome);
      return true;
    } catch (error) {
      if (cancel.signal.aborted) return false;
      throw error;
    } finally {
      mark("over");
      if (this.#cancel === cancel) this.#leave();
    }
  }

  /** End at once. */
  stop() {
    if (!this.#cancel) return;
    this.#cancel.abort();
    this.#leave();
  }

  #leave() {
    this.#cancel = null;
    this.#player.stop();
    this.#reader.rest();
  }

  #begin(order, text) {
    for (const name of ["played", "received", "over"]) performance.clearMarks(`speech.${name}`);
    const asked = mark("asked");
    const run = this.#player.begin(this);
    run.first.then(() => {
      run.firstMs = mark("played") - asked;
    });
    this.#wave.begin((text || order.text).length / CHARACTERS_PER_SECOND / order.speed);
    this.#reader.show(text);
    return run;
  }

  /** Pass on what the server sends; what came before a break is still heard. */
  async #receive(parts, run, signal, onBegun, onPart) {
    let outcome = null;
    try {
      for await (const part of parts) {
        onPart(part);
        if (part.begun)
          run.first.then(() => {
            if (!signal.aborted) onBegun(part.begun, run);
          });
        if (part.word) this.#reader.mark(part.word);
        if (part.samples) this.#hear(part.samples, run);
        outcome = part.done ?? outcome;
      }
    } catch (error) {
      if (!run.pushed || signal.aborted) throw error;
      run.end();
      await run.over;
      throw error instanceof Broken ? error : new Broken(error.message);
    } finally {
      mark("received");
      this.#wave.end();
    }
    run.end();
    return outcome;
  }

  #hear(samples, run) {
    this.#wave.push(samples);
    run.push(samples);
  }

  /** Draw wave, words and time at each frame for as long as it is heard. */
  #animate(run, signal) {
    let isOver = false;
    run.over.then(() => {
      isOver = true;
    });
    const step = () => {
      if (signal.aborted) return;
      const heard = isOver ? run.seconds : run.heard;
      this.#wave.draw(heard);
      this.#reader.light(heard);
      tell(this.#time, say("speak.time", number(heard, 1), number(run.seconds, 1)));
      if (isOver) this.#reader.rest();
      else requestAnimationFrame(step);
    };
    step();
  }
}

function mark(name) {
  return performance.mark(`speech.${name}`).startTime;
}
