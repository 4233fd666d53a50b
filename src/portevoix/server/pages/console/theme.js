import { language, say } from "./language.js";

const KEY = "portevoix.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Let a button switch between light and dark; until it is pressed the page follows the machine. */
export function switchTheme(button) {
  const root = document.documentElement;
  const now = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
  const other = () => (now() === "dark" ? "light" : "dark");
  const show = () => {
    button.setAttribute("aria-label", say(`theme.${other()}`));
    button.title = say(`theme.${other()}`);
    button.querySelector("use").setAttribute("href", other() === "dark" ? "#i-moon" : "#i-sun");
    root.dispatchEvent(new CustomEvent("theme"));
  };
  const kept = localStorage.getItem(KEY);
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  button.addEventListener("click", () => {
    root.dataset.theme = other();
    localStorage.setItem(KEY, root.dataset.theme);
    show();
  });
  dark.addEventListener("change", show);
  language.subscribe(show);
}
