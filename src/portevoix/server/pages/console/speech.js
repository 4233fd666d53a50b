import { readEvents } from "./event-stream.js";
import { ask, Refusal } from "./server.js";

/** Hz of the samples that a speech carries. */
export const SAMPLE_RATE = 24000;

/** A speech that ended before it was complete. */
export class Broken extends Error {}

/** Return the fields of an order for the speech API. */
export function makeOrder({ text, voice, speaker, language, speed, format }) {
  const order = { model: "portevoix", input: text, response_format: format, speed };
  if (voice) order.voice = voice;
  if (speaker) order.speaker = speaker;
  if (language) order.language = language;
  return order;
}

/** Return the answer to an order: a clip in the format of the order. */
export const fetchClip = (order, signal) => ask("POST", "v1/audio/speech", { body: order, signal });

/**
 * Yield what a speech brings, as it comes.
 *
 * `{begun: Headers}` first, then `{samples: Float32Array}` of 24 kHz and `{word: {text, start, end}}` in seconds from
 * the beginning, and `{done: outcome}` last. Throws a `Refusal` before anything was said, `Broken` in the middle.
 */
export const streamSpeech = (order, signal) =>
  stream("v1/audio/speech", { ...order, response_format: "pcm", word_times: true }, signal);

/**
 * Yield what a translation and its speech bring, as they come: as `streamSpeech`, and besides `{sentence}` for each
 * sentence before it is heard, and `{translation}` once it is whole.
 */
export const streamTranslation = (order, signal) => stream("translate", { ...order, output_format: "pcm" }, signal);

async function* stream(path, order, signal) {
  const answer = await ask("POST", path, { body: { ...order, stream_format: "sse" }, signal });
  yield { begun: answer.headers };
  try {
    for await (const { data } of readEvents(answer.body)) {
      const part = readPart(JSON.parse(data));
      if (part) yield part;
      if (part?.done) return;
    }
  } catch (error) {
    if (error instanceof Refusal || signal.aborted) throw error;
  }
  throw new Broken();
}

function readPart(event) {
  switch (event.type) {
    case "speech.audio.delta":
      return { samples: decode(event.audio) };
    case "speech.word":
      return { word: { text: event.text, start: event.start_seconds, end: event.end_seconds } };
    case "translation.sentence":
      return { sentence: event };
    case "translation.done":
      return { translation: event };
    case "speech.audio.done":
      return { done: event.portevoix };
    case "error":
      throw new Refusal(event.error.message, 200, event.error.code);
    default:
      return null;
  }
}

/** Return little-endian 16-bit samples, written in base64, as -1 to 1. */
function decode(base64) {
  const text = atob(base64);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length >> 1 }, (_, index) => view.getInt16(2 * index, true) / 32768);
}
