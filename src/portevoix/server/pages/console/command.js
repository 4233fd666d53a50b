import { button, make } from "./element.js";
import { say } from "./language.js";

const QUOTED = /`([^`]+)`/g;

/** Return the commands that a hint names between backticks. */
export const commandsIn = (hint) => [...hint.matchAll(QUOTED)].map((match) => match[1]);

/** Return a hint as text with its commands set apart; the server's words are English. */
export function hintText(hint) {
  const parts = hint.split(QUOTED).map((part, index) => (index % 2 ? make("code", {}, part) : part));
  return make("small", { lang: "en" }, ...parts);
}

/** Return a command with a button that copies it. */
export function commandLine(command) {
  const copy = button(say("copy"), () => copyText(command, copy), {
    icon: "copy",
    class: "quiet",
    "aria-label": say("copy.label", command),
  });
  return make("div", { class: "command" }, make("code", {}, command), copy);
}

async function copyText(text, copy) {
  const words = copy.querySelector("span");
  try {
    await navigator.clipboard.writeText(text);
    words.textContent = say("copied");
  } catch {
    select(copy.previousElementSibling);
    words.textContent = say("copy.selected");
  }
}

/** Select a text, for people to copy it where a page may not. */
function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}
