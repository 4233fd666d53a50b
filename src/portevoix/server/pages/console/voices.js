import { offer } from "./choices.js";
import { get } from "./element.js";
import { language, languageName, say } from "./language.js";
import { Observable } from "./observable.js";
import { read } from "./server.js";

/** Every voice that the server tells of. */
export const voices = new Observable([]);

/** Ask the server for its voices again. */
export async function refreshVoices() {
  voices.value = (await read("v1/audio/voices")).voices;
}

/** Return a voice's language without region. */
export const family = (voice) => (voice.language ?? "").split(/[-_]/)[0].toLowerCase();

/** Return whether a voice is kept of somebody. */
export const isStored = (voice) => voice.type === "stored";

/** Let people choose language, voice and speaker. */
export function offerVoices() {
  const show = () => {
    offerLanguages();
    offerFitting();
    offerSpeakers();
  };
  voices.subscribe(show);
  language.subscribe(show);
  get("language").addEventListener("change", show);
  get("voice").addEventListener("change", offerSpeakers);
}

function offerLanguages() {
  const known = [...new Set(voices.value.filter((voice) => voice.installed && voice.language).map(family))];
  const named = known.map((code) => [code, languageName(code)]);
  named.sort((one, other) => one[1].localeCompare(other[1], language.value));
  offer(get("language"), [["", say("speak.auto")], ...named]);
}

function offerFitting() {
  const wished = get("language").value;
  const fitting = voices.value.filter(
    (voice) => (isStored(voice) && !voice.language) || (voice.language && (!wished || family(voice) === wished)),
  );
  const groups = Map.groupBy(fitting, (voice) => (isStored(voice) ? say("speak.stored") : voice.engine));
  const options = [...groups].map(([label, members]) => ({ label, options: members.map(optionOf) }));
  offer(get("voice"), [["", say("speak.best")], ...options]);
}

function offerSpeakers() {
  const chosen = voices.value.find((voice) => voice.id === get("voice").value);
  const speakers = chosen?.speakers ?? [];
  get("speaker-field").hidden = speakers.length < 2;
  offer(get("speaker"), [["", say("speak.anySpeaker")], ...speakers.map((name) => [name, name])]);
}

function optionOf(voice) {
  return [
    voice.id,
    voice.installed ? voice.name : say("speak.missing", voice.name),
    !voice.installed && !isStored(voice),
  ];
}
