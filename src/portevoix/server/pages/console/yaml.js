/** Return rows of `{key, value}`, keys with dots between their parts, as a YAML document. */
export function writeYaml(rows) {
  const root = new Map();
  for (const { key, value } of rows) put(root, key.split("."), value);
  return lines(root, "").join("\n") + "\n";
}

function put(section, [name, ...rest], value) {
  if (!rest.length) {
    section.set(name, value);
    return;
  }
  if (!(section.get(name) instanceof Map)) section.set(name, new Map());
  put(section.get(name), rest, value);
}

function lines(section, indent) {
  return [...section].flatMap(([name, value]) => {
    const key = `${indent}${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}:`;
    // JSON's scalars and lists are YAML as well.
    return value instanceof Map ? [key, ...lines(value, `${indent}  `)] : [`${key} ${JSON.stringify(value)}`];
  });
}
