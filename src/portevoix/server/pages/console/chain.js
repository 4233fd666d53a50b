import { commandLine, commandsIn, hintText } from "./command.js";
import { button, get, isNews, make, tell } from "./element.js";
import { language, number, say } from "./language.js";
import { downloads, downloadWords, fetchModel, isComing, models } from "./library.js";
import { attempt } from "./models.js";
import { restSeconds, serverStatus } from "./status.js";

const COUNTDOWN_MS = 1000;

/** Show each level of the chain: who speaks, and what keeps the others from it. */
export function showChain() {
  for (const source of [serverStatus, language, downloads, models]) source.subscribe(show);
  setInterval(show, COUNTDOWN_MS);
}

/** Say whether the server can be heard, for the whole page. */
export function showHealth() {
  const health = () => {
    const { reachable, needsKey, content } = serverStatus.value;
    if (needsKey) return ["health.key", "busy"];
    if (reachable === null) return ["health.asking", "busy"];
    if (!reachable) return ["health.gone", "bad"];
    return content.engines.some((level) => level.can_speak && !level.silent)
      ? ["health.good", "good"]
      : ["health.mute", "busy"];
  };
  const showState = () => {
    const [key, kind] = health();
    const element = get("health");
    if (!isNews(element, [key, language.value])) return;
    element.className = `state ${kind}`;
    element.title = say(key);
    element.replaceChildren(make("span", {}, say(key)));
    tell(get("version"), serverStatus.value.content ? `Portevoix ${serverStatus.value.content.version}` : "");
  };
  serverStatus.subscribe(showState);
  language.subscribe(showState);
}

function show() {
  const { content } = serverStatus.value;
  if (!content) return;
  const levels = content.engines.map((level) => ({ ...level, download: downloadFor(level) }));
  if (!isNews(get("chain"), [levels.map(factsOf), language.value, models.value.length])) return;
  const focused = document.activeElement?.dataset?.for;
  get("chain").replaceChildren(...levels.map(row));
  if (focused)
    get("chain")
      .querySelector(`[data-for="${CSS.escape(focused)}"]`)
      ?.focus();
}

/** What a level's row shows of it. */
function factsOf({ name, state, can_speak, why, hint, device, voices, breaker, download }) {
  return [name, state, can_speak, why, hint, device, voices, breaker.state, Math.ceil(restSeconds(name)), download];
}

/** Return the model that a level lacks: the one that its hint tells to fetch. */
function modelFor(level) {
  return models.value.find(
    (model) => !model.installed && commandsIn(level.hint).some((line) => line.split(/\s+/).includes(model.name)),
  );
}

function downloadFor(level) {
  const model = level.can_speak ? undefined : modelFor(level);
  const progress = model && downloads.value.get(model.name);
  return isComing(progress) ? progress : null;
}

function row(level) {
  const [words, kind] = stateOf(level);
  const name = make("span", { class: "name" }, level.name, make("span", { class: "how" }, words));
  return make(
    "li",
    { class: kind },
    name,
    make("small", { lang: level.can_speak && !level.silent ? false : "en" }, about(level)),
    ...needs(level),
  );
}

function stateOf(level) {
  if (level.download) return [downloadWords(level.download), "busy"];
  if (level.breaker.state === "open") return [say("chain.resting", number(Math.ceil(restSeconds(level.name)))), "busy"];
  if (level.breaker.state === "half_open") return [say("chain.trying"), "busy"];
  if (level.state === "ready")
    return [say(level.silent ? "chain.silent" : "chain.ready"), level.can_speak ? "good" : "busy"];
  return [say(`chain.${level.state}`), level.state === "unavailable" ? "bad" : "busy"];
}

function about(level) {
  if (!level.can_speak) return level.why || level.summary;
  if (level.silent) return level.summary;
  const count = level.voices === 1 ? say("chain.oneVoice") : say("chain.voices", number(level.voices));
  return [count, level.device].filter(Boolean).join(" · ");
}

function needs(level) {
  if (level.can_speak) return [];
  if (level.download)
    return [make("progress", { value: level.download.ratio, max: 1, "aria-label": say("chain.progress", level.name) })];
  const model = modelFor(level);
  const [command] = commandsIn(level.hint);
  const parts = [];
  if (command) parts.push(commandLine(command));
  else if (level.hint) parts.push(hintText(level.hint));
  if (model) {
    parts.push(
      button(say("models.fetch"), () => attempt(() => fetchModel(model.name)), {
        icon: "download",
        class: "small fetch",
        "data-for": `${level.name}/${model.name}`,
        "aria-label": say("models.fetchNamed", model.name),
      }),
    );
  }
  return parts;
}
