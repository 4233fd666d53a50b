import { number, say } from "./language.js";
import { Observable } from "./observable.js";
import { ask, read } from "./server.js";

const ON_THE_WAY = ["starting", "waiting", "fetching", "checking", "finishing"];

/** Every model that is here or can be fetched. */
export const models = new Observable([]);

/** The latest of each download, by model. */
export const downloads = new Observable(new Map());

/** The download that ended last, null before any did. */
export const endedDownload = new Observable(null);

/** Return whether a download goes on. */
export const isComing = (progress) => ON_THE_WAY.includes(progress?.phase);

/** Say how far a download is. */
export function downloadWords(progress) {
  if (progress.phase === "fetching") return say("phase.fetching", number(100 * progress.ratio));
  return say(`phase.${progress.phase}`);
}

/** Ask for the models again. */
export async function refreshModels() {
  models.value = (await read("api/models")).models;
  for (const model of models.value) if (model.download) takeDownload(model.download);
}

/** Take note of how far a download is. */
export function takeDownload(progress) {
  const before = downloads.value.get(progress.model);
  downloads.value = new Map(downloads.value).set(progress.model, progress);
  if (isComing(before) && !isComing(progress)) endedDownload.value = progress;
}

/** Begin to fetch a model, or join who does already; `licence` names the one that was agreed to. */
export const fetchModel = (name, licence) =>
  change("POST", "api/models", { body: { name, ...(licence && { accept_licence: licence }) } });

/** Stop fetching a model. */
export const cancelModel = (name) => change("DELETE", `${path(name)}/download`);

/** Remove a model's files. */
export const removeModel = (name) => change("DELETE", path(name));

async function change(method, address, options) {
  const model = await (await ask(method, address, options)).json();
  models.value = models.value.map((one) => (one.name === model.name ? model : one));
  if (model.download) takeDownload(model.download);
}

const path = (name) => `api/models/${encodeURIComponent(name)}`;
