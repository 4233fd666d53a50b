import { LiveFeed } from "./event-stream.js";
import { takeDownload } from "./library.js";
import { Observable } from "./observable.js";
import { apiKey, read } from "./server.js";

const KEPT_REQUESTS = 100;

/**
 * What the server says of itself.
 *
 * `content` is its `/api/status`, null until it has answered once; `reachable` is null until it is known.
 */
export const serverStatus = new Observable({ reachable: null, needsKey: false, content: null });

/** The last requests of anybody, the latest first. */
export const requests = new Observable([]);

/** When each engine that rests is tried again, in milliseconds of `Date.now()`. */
const rests = new Map();

/** Return how long an engine still rests, in seconds. */
export function restSeconds(engine) {
  return Math.max(0, ((rests.get(engine) ?? 0) - Date.now()) / 1000);
}

/** Ask the server for everything. */
export async function refreshStatus() {
  try {
    const content = await read("api/status");
    for (const { name, breaker } of content.engines) rests.set(name, Date.now() + 1000 * breaker.rest_seconds);
    content.downloads?.forEach(takeDownload);
    requests.value = content.requests ?? [];
    serverStatus.value = { reachable: true, needsKey: false, content };
  } catch (error) {
    lose(error);
  }
}

/** Follow what happens on the server for as long as the page is seen. */
export function followStatus() {
  // A server that answers, though not with events, can still be asked.
  const tellState = (isConnected, error) => (isConnected || error?.status ? refreshStatus() : lose(error));
  const feed = new LiveFeed("api/events", take, tellState);
  apiKey.subscribe(() => feed.reopen());
}

function lose(error) {
  serverStatus.value = {
    ...serverStatus.value,
    reachable: false,
    needsKey: error?.status === 401 || error?.status === 403,
  };
}

function take(kind, data) {
  switch (kind) {
    case "request":
      requests.value = [data, ...requests.value.filter((one) => !isSame(one, data))].slice(0, KEPT_REQUESTS);
      break;
    case "breaker":
      rests.set(data.engine, Date.now() + 1000 * data.rest_seconds);
      changeEngine(data.engine, (level) => ({ ...level, breaker: { ...level.breaker, state: data.state } }));
      break;
    case "engine":
      changeEngine(data.name, () => data);
      break;
    case "queue":
      change((content) => ({ ...content, queue: data }));
      break;
    case "download":
      takeDownload(data);
      break;
    case "config": // with another one there may be other engines
      if (isOther(data)) refreshStatus();
      break;
    case "missed":
      refreshStatus();
  }
}

function isOther(config) {
  const { content } = serverStatus.value;
  return content !== null && content.config?.id !== config.id;
}

const isSame = (one, other) => one.request_id === other.request_id && one.time === other.time;

function changeEngine(name, update) {
  change((content) => ({
    ...content,
    engines: content.engines.map((level) => (level.name === name ? update(level) : level)),
  }));
}

function change(update) {
  const { content } = serverStatus.value;
  if (content) serverStatus.value = { ...serverStatus.value, content: update(content) };
}
