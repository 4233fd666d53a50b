import { button, get, make, tell } from "./element.js";
import { date, duration, language, say } from "./language.js";
import { ask, read } from "./server.js";
import { serverStatus } from "./status.js";
import { writeYaml } from "./yaml.js";

const NAME = "console.yaml";
const HIDDEN = "…";
const FROM_FILE = /:\d+$/;

/** The configuration: what is in force, a new one, and the way back. */
export class Configuration {
  #history = { in_force: 0, configurations: [] };

  constructor() {
    get("config").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#apply(false);
    });
    get("config-try").addEventListener("click", () => this.#apply(true));
    get("config-load").addEventListener("click", () => this.#attempt(() => this.#load()));
    language.subscribe(() => this.#showHistory());
    serverStatus.subscribe(({ content }) => this.#follow(content?.config));
  }

  /** Ask for what is in force, and for what was before. */
  refresh() {
    this.#attempt(async () => {
      this.#history = await read("api/config/history");
      this.#showHistory();
      if (!get("config-text").value) await this.#load();
    });
  }

  #follow(config) {
    if (config?.id === undefined || config.id === this.#history.in_force || get("view-settings").hidden) return;
    this.refresh();
  }

  async #load() {
    const { settings } = await read("api/config");
    const written = settings.filter((row) => FROM_FILE.test(row.origin) && row.value !== HIDDEN);
    const secret = settings.filter((row) => row.value === HIDDEN).map((row) => `# ${say("config.secret", row.key)}\n`);
    get("config-text").value = secret.join("") + writeYaml(written);
  }

  #apply(isTrial) {
    this.#attempt(async () => {
      tell(get("config-news"), say("config.applying"));
      const path = `api/config?name=${NAME}${isTrial ? "&dry_run=true" : ""}`;
      const answer = await ask("PUT", path, { body: get("config-text").value, type: "application/yaml" });
      this.#tellOutcome(await answer.json(), isTrial ? "config.fit" : "config.applied");
    });
  }

  #rollBack(record) {
    if (!confirm(say("config.confirm", date(1000 * record.time)))) return;
    this.#attempt(async () => {
      const answer = await ask("POST", `api/config/rollback?to=${record.id}`);
      this.#tellOutcome(await answer.json(), "config.rolledBack");
      await this.#load();
    });
  }

  #tellOutcome(outcome, key) {
    tell(get("config-news"), say(key));
    showOutcome(outcome);
    if (outcome.applied) this.refresh();
  }

  async #attempt(act) {
    tell(get("config-alert"), "");
    const buttons = get("view-settings").querySelectorAll("#config button, #config-history button");
    for (const one of buttons) one.disabled = true;
    try {
      await act();
    } catch (error) {
      tell(get("config-news"), "");
      tell(get("config-alert"), error.message);
      showOutcome(error.content ?? {});
    }
    for (const one of buttons) one.disabled = false;
  }

  #showHistory() {
    const { in_force: running, configurations } = this.#history;
    get("config-none").hidden = configurations.length > 0;
    get("config-history").replaceChildren(...configurations.map((record) => this.#row(record, record.id === running)));
  }

  #row(record, isRunning) {
    const when = date(1000 * record.time);
    const words = make("span", {}, when, make("small", {}, [record.path, record.who].filter(Boolean).join(" · ")));
    if (isRunning) return make("li", {}, words, make("span", { class: "state good" }, say("config.running")));
    return make(
      "li",
      {},
      words,
      button(say("config.rollback"), () => this.#rollBack(record), {
        class: "small",
        "aria-label": say("config.rollbackNamed", when),
      }),
    );
  }
}

function showOutcome({ trials = [], problems = [], changed = [], needs_restart: late = [] }) {
  const rows = [
    ...problems.map((problem) =>
      make("li", { class: problem.severity === "error" ? "bad" : "busy", lang: "en" }, problem.text),
    ),
    ...trials.map(trialRow),
    ...(changed.length ? [make("li", {}, say("config.changed", changed.join(", ")))] : []),
    ...(late.length ? [make("li", { class: "busy" }, say("config.restart", late.join(", ")))] : []),
  ];
  get("config-outcome").replaceChildren(...rows);
}

function trialRow(trial) {
  if (trial.result === "spoke")
    return make("li", { class: "good" }, say("config.spoke", trial.engine, duration(trial.first_audio_ms / 1000)));
  if (trial.result === "not_asked") return make("li", {}, say("config.notAsked", trial.engine));
  return make("li", { class: trial.condemns ? "bad" : "busy" }, say("config.failed", trial.engine, trial.why));
}
