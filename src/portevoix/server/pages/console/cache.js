import { get, tell } from "./element.js";
import { language, number, say, size } from "./language.js";
import { ask, read } from "./server.js";

/** Show what the cache holds, and let it be emptied. */
export function showCache() {
  let stats = null;
  const show = () => {
    if (stats) tell(get("cache-facts"), words(stats));
    get("cache-clear").hidden = stats?.enabled === false;
  };
  const attempt = async (act) => {
    tell(get("cache-alert"), "");
    try {
      stats = await act();
      show();
      return true;
    } catch (error) {
      tell(get("cache-alert"), error.message);
      return false;
    }
  };
  get("cache-clear").addEventListener("click", async () => {
    const isCleared = await attempt(async () => (await ask("DELETE", "api/cache")).json());
    tell(get("cache-news"), isCleared ? say("cache.cleared") : "");
  });
  language.subscribe(show);
  return () => attempt(() => read("api/cache"));
}

function words({ enabled, memory, hits, misses }) {
  if (!enabled) return say("cache.off");
  const share = hits + misses ? (100 * hits) / (hits + misses) : 0;
  return say("cache.facts", number(memory.entries), size(memory.bytes), say("activity.percent", number(share)));
}
