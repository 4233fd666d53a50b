import { make } from "./element.js";

/**
 * Give a select its options, and keep what was chosen if it is still there.
 *
 * An option is `[value, text]`, and true as a third part where it cannot be chosen; a group is `{label, options}`.
 */
export function offer(select, choices, fallback = "") {
  const chosen = select.value;
  select.replaceChildren(...choices.map(choice));
  const values = [...select.options].filter((option) => !option.disabled).map((option) => option.value);
  select.value = values.includes(chosen) ? chosen : fallback;
}

function choice(one) {
  if (Array.isArray(one)) return option(one);
  const group = make("optgroup", { label: one.label });
  group.append(...one.options.map(option));
  return group;
}

function option([value, text, isDisabled = false]) {
  const made = new Option(text, value);
  made.disabled = isDisabled;
  return made;
}
