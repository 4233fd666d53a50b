import { language, say } from "./language.js";

/** Show the view that the address names after its `#`, the first one otherwise; move the focus there on a change. */
export function showViews() {
  const views = [...document.querySelectorAll(".view")];
  const links = [...document.querySelectorAll(".views a")];
  const nameOf = (view) => view.id.replace("view-", "");
  const wished = () => views.find((view) => nameOf(view) === location.hash.slice(1)) ?? views[0];

  const show = () => {
    const shown = wished();
    for (const view of views) view.hidden = view !== shown;
    for (const link of links) {
      if (link.hash === `#${nameOf(shown)}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${say(`${nameOf(shown)}.title`)} · Portevoix`;
    shown.dispatchEvent(new CustomEvent("shown"));
    return shown;
  };
  window.addEventListener("hashchange", () => {
    scrollTo(0, 0);
    show().querySelector("h2").focus();
  });
  language.subscribe(show);
}
