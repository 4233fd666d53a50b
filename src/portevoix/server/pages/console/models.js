import { button, get, isNews, make, tell } from "./element.js";
import { duration, hasWords, language, languageName, number, say, size } from "./language.js";
import {
  cancelModel,
  downloads,
  downloadWords,
  endedDownload,
  fetchModel,
  isComing,
  models,
  refreshModels,
  removeModel,
} from "./library.js";
import { refreshStatus } from "./status.js";
import { refreshVoices } from "./voices.js";

/** Names of the groups that come first: what is here, and what a Portevoix speaks with from the start. */
const HERE = "here";
const FIRST = "piper";

/** Groups that people have opened. */
const opened = new Set([HERE, FIRST]);

/** Show the models, and how far they are on their way. */
export function showModels() {
  for (const source of [models, downloads, language]) source.subscribe(show);
  get("models-filter").addEventListener("input", show);
  endedDownload.subscribe((progress) => {
    if (!progress) return;
    tell(get("models-news"), say(`models.${progress.phase}`, progress.model));
    refreshAll();
  });
  return attempt(refreshModels);
}

/** Do what concerns models, and tell what went wrong. */
export async function attempt(act) {
  tell(get("models-alert"), "");
  try {
    await act();
  } catch (error) {
    tell(get("models-alert"), error.message);
  }
}

const refreshAll = () => Promise.allSettled([refreshModels(), refreshStatus(), refreshVoices()]);

function remove(name) {
  if (confirm(say("models.confirm", name))) attempt(() => removeModel(name).then(refreshAll));
}

function show() {
  const wanted = get("models-filter").value.trim().toLowerCase();
  const shown = models.value.filter((model) => searched(model).includes(wanted));
  const facts = shown.map((model) => [model.name, model.installed, downloads.value.get(model.name)]);
  if (!isNews(get("models"), [facts, wanted, language.value])) return;
  const focused = document.activeElement?.dataset?.for;
  const groups = Map.groupBy(shown, groupOf);
  const inOrder = [...new Set([HERE, FIRST, ...groups.keys()])].filter((name) => groups.has(name));
  get("models").replaceChildren(...inOrder.map((name) => group(name, groups.get(name), wanted)));
  if (focused) refocus(focused);
}

function refocus(name) {
  const again = get("models").querySelector(`[data-for="${CSS.escape(name)}"]`);
  again?.focus();
}

const groupOf = (model) => (model.installed ? HERE : model.kind);

/** Return a group of models, open when it was opened before, or when people look for something. */
function group(name, members, wanted) {
  const isKnown = hasWords(`models.${name}`);
  const count = make("span", { class: "how" }, number(members.length));
  const head = make("summary", {}, make("span", {}, isKnown ? say(`models.${name}`) : name), count);
  const made = make("details", { open: opened.has(name) || wanted !== "" }, head, make("ul", {}, ...members.map(row)));
  head.addEventListener("click", () => (made.open ? opened.delete(name) : opened.add(name)));
  return made;
}

function searched(model) {
  const languages = [...model.languages, ...model.languages.map(languageName)];
  return [model.name, model.kind, model.about, ...languages].join(" ").toLowerCase();
}

function row(model) {
  const progress = downloads.value.get(model.name);
  const name = make("span", { class: "name" }, model.name);
  const below = isComing(progress) ? [coming(progress)] : failure(model, progress);
  const facts = make("span", { class: "about" }, about(model), make("small", { lang: "en" }, model.about));
  return make("li", {}, name, facts, make("span", { class: "buttons" }, ...buttons(model, progress)), ...below);
}

function about(model) {
  const facts = [
    model.languages.map(languageName).join(", "),
    model.quality,
    model.speakers > 1 && say("models.speakers", number(model.speakers)),
    model.can_clone && say("models.clones"),
    model.size_bytes > 0 && size(model.size_bytes),
    model.licence,
  ];
  return facts.filter(Boolean).join(" · ");
}

/** Begin to fetch a model, once people have agreed to its licence where it asks for that. */
function fetchAgreed({ name, licence, asks_consent: asks }) {
  if (!asks) return attempt(() => fetchModel(name));
  return confirm(say("models.agree", name, licence)) ? attempt(() => fetchModel(name, licence)) : undefined;
}

function buttons(model, progress) {
  const { name } = model;
  const named = (action) => ({ class: "small", "data-for": name, "aria-label": say(`models.${action}Named`, name) });
  if (isComing(progress))
    return [button(say("models.cancel"), () => attempt(() => cancelModel(name)), named("cancel"))];
  const fetching = button(say("models.fetch"), () => fetchAgreed(model), { icon: "download", ...named("fetch") });
  if (!model.installed) return [fetching];
  return [
    isUnready(model, progress) ? fetching : make("span", { class: "state good" }, say("models.installed")),
    button(say("models.remove"), () => remove(name), { icon: "trash", ...named("remove") }),
  ];
}

function coming(progress) {
  const speed = progress.bytes_per_second ? say("models.speed", size(progress.bytes_per_second)) : "";
  const left = progress.seconds_left === null ? "" : say("models.left", duration(progress.seconds_left));
  const bar = make("progress", { max: 1, value: progress.ratio, "aria-label": say("models.progress", progress.model) });
  return make(
    "div",
    { class: "progress" },
    bar,
    make("span", {}, [downloadWords(progress), speed, left].filter(Boolean).join(" · ")),
  );
}

/** Return whether a model is here and was not made ready for use. */
const isUnready = ({ kind, installed }, progress) => kind === "translation" && installed && Boolean(progress?.why);

function failure(model, progress) {
  const isTold = model.installed ? isUnready(model, progress) : progress?.phase === "failed";
  if (!isTold) return [];
  return [make("p", { class: "failed", lang: "en" }, progress.why)];
}
