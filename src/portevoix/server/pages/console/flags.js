import { get, make, tell } from "./element.js";
import { hasWords, language, say } from "./language.js";
import { ask, read } from "./server.js";

let flags = {};

/** Show the feature flags, and change them as they are switched. */
export function showFlags() {
  const form = get("flags");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => change(event.target));
  language.subscribe(show);
  return refresh;
}

async function refresh() {
  try {
    flags = await read("api/flags");
    show();
  } catch (error) {
    tell(get("flags-alert"), error.message);
  }
}

async function change(field) {
  const value = field.type === "checkbox" ? field.checked : Number(field.value);
  tell(get("flags-alert"), "");
  tell(get("flags-news"), "");
  try {
    flags = await (await ask("PATCH", "api/flags", { body: { [field.name]: value } })).json();
    tell(get("flags-news"), say("flags.changed", words(field.name)));
  } catch (error) {
    tell(get("flags-alert"), error.message);
  }
  put();
}

function show() {
  get("flags").replaceChildren(...Object.entries(flags).map(([name, value]) => row(name, value)));
}

/** Write the values in force into the fields, which keep the focus. */
function put() {
  for (const [name, value] of Object.entries(flags)) {
    const field = get(`flag-${name}`);
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
  }
}

function row(name, value) {
  const id = `flag-${name}`;
  const kind =
    typeof value === "boolean" ? { type: "checkbox", role: "switch" } : { type: "number", min: 0, max: 100, step: 1 };
  const field = make("input", { id, name, ...kind });
  if (typeof value === "boolean") field.checked = value;
  else field.value = value;
  return make("div", { class: "flag" }, make("label", { for: id }, words(name)), field);
}

const words = (name) => (hasWords(`flag.${name}`) ? say(`flag.${name}`) : name);
