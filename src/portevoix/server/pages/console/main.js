import { showActivity } from "./activity.js";
import { showCache } from "./cache.js";
import { showChain, showHealth } from "./chain.js";
import { Cloning } from "./cloning.js";
import { Composer } from "./composer.js";
import { Configuration } from "./configuration.js";
import { get } from "./element.js";
import { showFlags } from "./flags.js";
import { showKey } from "./key.js";
import { translatePage } from "./language.js";
import { showModels } from "./models.js";
import { Player } from "./player.js";
import { apiKey } from "./server.js";
import { followStatus, serverStatus } from "./status.js";
import { switchTheme } from "./theme.js";
import { Translation } from "./translation.js";
import { showViews } from "./views.js";
import { offerVoices, refreshVoices } from "./voices.js";

const player = new Player();
const composer = new Composer(player);
const translation = new Translation(player);
const configuration = new Configuration();

translatePage(get("language-switch"));
switchTheme(get("theme-switch"));
showViews();
offerVoices();
showChain();
showHealth();
showActivity();
showKey();
new Cloning();
followStatus();
showModels();
refreshWhenShown("settings", [showFlags(), showCache(), () => configuration.refresh()]);
refreshWhenShown("translate", [() => translation.refresh()]);
followVoices();
listenForKeys();

/** Ask for the voices again whenever an engine has other ones. */
function followVoices() {
  let known = "";
  serverStatus.subscribe(({ content }) => {
    const now = content?.engines.map((level) => `${level.name}:${level.voices}`).join() ?? known;
    if (now === known) return;
    known = now;
    refreshVoices().catch(() => {
      known = "";
    });
  });
}

/** Ask again for what a view shows each time that people come to it. */
function refreshWhenShown(name, asks) {
  const view = get(`view-${name}`);
  const refresh = () => asks.forEach((ask) => ask());
  view.addEventListener("shown", refresh);
  apiKey.subscribe(() => {
    if (!view.hidden) refresh();
  });
}

function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      composer.stop();
      translation.stop();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) speakHere(event);
  });
}

/** Speak the form that the keys were pressed in; the text otherwise. */
function speakHere(event) {
  event.preventDefault();
  const form = event.target.closest?.("form") ?? get("composer");
  if (form.id === "composer" || form.id === "translation") form.requestSubmit();
}
