import { get, tell } from "./element.js";
import { language, say } from "./language.js";
import { apiKey } from "./server.js";

/** Let people give the key that the server asks for. */
export function showKey() {
  get("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    apiKey.value = get("key").value.trim();
    get("key").value = "";
  });
  get("key-forget").addEventListener("click", () => {
    apiKey.value = "";
  });
  const show = () => {
    tell(get("key-news"), say(apiKey.value ? "key.inUse" : "key.forgotten"));
    get("key-forget").hidden = !apiKey.value;
  };
  apiKey.subscribe(show);
  language.subscribe(show);
}
