const SVG = "http://www.w3.org/2000/svg";

/** Return the element with an id. */
export const get = (id) => document.getElementById(id);

/** Return a new element; texts among `children` become text and never markup. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Return a new element of a drawing. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Return a new drawing of one of the page's symbols. */
export function symbol(name) {
  return draw("svg", { "aria-hidden": "true" }, draw("use", { href: `#i-${name}` }));
}

/** Return a button with a symbol, its words, and what it does. */
export function button(words, act, { icon, ...attributes } = {}) {
  const made = make(
    "button",
    { type: "button", ...attributes },
    ...(icon ? [symbol(icon)] : []),
    make("span", {}, words),
  );
  made.addEventListener("click", act);
  return made;
}

/** Return children for `replaceChildren`, or null when `shown` says that they stand there already. */
export function isNews(element, facts) {
  const shown = JSON.stringify(facts);
  if (element.shown === shown) return false;
  element.shown = shown;
  return true;
}

/** Change a text only when it differs, so that a screen reader is not told again. */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
