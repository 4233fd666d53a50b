import { say } from "./language.js";

const TYPES = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/** Records the microphone, and tells how loud it is meanwhile. */
export class Recorder {
  #media = null;
  #context = null;

  get isRecording() {
    return this.#media !== null;
  }

  /** Begin; resolves once the microphone is open, and throws when it may not be used. */
  async begin() {
    if (!navigator.mediaDevices) throw new Error(say("clone.noMicrophone", say("clone.insecure")));
    const stream = await navigator.mediaDevices
      .getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false } })
      .catch((error) => {
        throw new Error(say("clone.noMicrophone", error.message));
      });
    const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
    this.#media = new MediaRecorder(stream, type ? { mimeType: type } : {});
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    this.#context.createMediaStreamSource(stream).connect(analyser);
    this.#media.start();
    return analyser;
  }

  /** End; resolves with the recording. */
  async end() {
    const media = this.#media;
    this.#media = null;
    const parts = [];
    media.addEventListener("dataavailable", ({ data }) => parts.push(data));
    await new Promise((done) => {
      media.addEventListener("stop", done, { once: true });
      media.stop();
    });
    for (const track of media.stream.getTracks()) track.stop();
    await this.#context.close();
    return new Blob(parts, { type: media.mimeType.split(";")[0] });
  }
}
