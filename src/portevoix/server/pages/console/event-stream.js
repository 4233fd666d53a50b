import { ask } from "./server.js";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

/** Yield `{event, data}` of each server-sent event of a body, as the HTML standard reads them. */
export async function* readEvents(body) {
  let text = "";
  let event = { event: "message", data: [] };
  for await (const part of read(body.pipeThrough(new TextDecoderStream()))) {
    const lines = (text + part).split("\n");
    text = lines.pop();
    for (const line of lines.map((one) => one.replace(/\r$/, ""))) {
      if (line) {
        take(line, event);
      } else {
        if (event.data.length) yield { event: event.event, data: event.data.join("\n") };
        event = { event: "message", data: [] };
      }
    }
  }
}

/**
 * Follow a path's events for as long as the page is seen, and again after each break.
 *
 * A browser opens few connections to one server, so a page that nobody sees holds none.
 */
export class LiveFeed {
  #path;
  #take;
  #tellState;
  #cancel = null;

  /** `take` gets each event's name and data read as JSON; `tellState` whether the feed is connected. */
  constructor(path, take, tellState = () => {}) {
    this.#path = path;
    this.#take = take;
    this.#tellState = tellState;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", () => this.open());
  }

  open() {
    if (this.#cancel || document.hidden) return;
    this.#cancel = new AbortController();
    this.#follow(this.#cancel.signal);
  }

  close() {
    this.#cancel?.abort();
    this.#cancel = null;
  }

  /** Connect anew, as after a change of the key. */
  reopen() {
    this.close();
    this.open();
  }

  async #follow(signal) {
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        const answer = await ask("GET", this.#path, { signal });
        this.#tellState(true, null);
        pause = FIRST_PAUSE_MS;
        for await (const { event, data } of readEvents(answer.body)) this.#take(event, JSON.parse(data));
        if (!signal.aborted) this.#tellState(false, null);
      } catch (error) {
        if (signal.aborted) return;
        this.#tellState(false, error);
      }
      await wait(pause, signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }
}

function take(line, event) {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const [name, value] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
  if (name === "data") event.data.push(value);
  if (name === "event") event.event = value;
}

/** Yield the parts of a stream; leaving the loop early cancels it. */
async function* read(stream) {
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

function wait(milliseconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        done();
      },
      { once: true },
    );
  });
}
