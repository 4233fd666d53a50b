import { Chart } from "./chart.js";
import { draw, get, isNews, make } from "./element.js";
import { clock, duration, language, number, say } from "./language.js";
import { requests, serverStatus } from "./status.js";

const SHOWN_REQUESTS = 40;
const SHOWN_MINUTES = 15;
const MINUTE_MS = 60000;
const TICK_MS = 10000;
const LONGEST_MS = 10000;

/** Show what the server did last: numbers, charts, and each request. */
export function showActivity() {
  const first = new Chart(get("first-chart"));
  const rate = new Chart(get("rate-chart"));
  const show = () => {
    showTiles();
    showFirst(first);
    showRate(rate);
    showRequests();
  };
  for (const source of [requests, serverStatus, language]) source.subscribe(show);
  setInterval(() => showRate(rate), TICK_MS);
}

const spoken = () => requests.value.filter((request) => request.first_audio_ms !== null);

const kindOf = (request) => (request.fallback ? "fallback" : request.cached ? "hit" : "fresh");

function showTiles() {
  const queue = serverStatus.value.content?.queue ?? { running: 0, waiting: 0 };
  const all = spoken();
  const share = (kind) =>
    all.length
      ? say("activity.percent", number((100 * all.filter((one) => kindOf(one) === kind).length) / all.length))
      : say("activity.none");
  const tiles = [
    ["activity.running", number(queue.running), say("activity.waiting", number(queue.waiting))],
    [
      "activity.median",
      all.length ? duration(median(all.map((one) => one.first_audio_ms)) / 1000) : say("activity.none"),
      "",
    ],
    ["activity.cached", share("hit"), ""],
    ["activity.fallbacks", share("fallback"), ""],
  ];
  if (!isNews(get("tiles"), [tiles, language.value])) return;
  get("tiles").replaceChildren(
    ...tiles.map(([key, value, more]) =>
      make("div", {}, make("dt", {}, say(key)), make("dd", {}, value, " ", make("small", {}, more))),
    ),
  );
}

function showFirst(chart) {
  showLegend(get("first-legend"), ["fresh", "hit", "fallback"]);
  const shown = spoken().slice(0, SHOWN_REQUESTS).reverse();
  const times = shown.map((request) => request.first_audio_ms);
  const label = shown.length
    ? say(
        "activity.firstLabel",
        number(shown.length),
        duration(median(times) / 1000),
        duration(Math.max(...times) / 1000),
      )
    : say("activity.empty");
  chart.show(label, (plot) => {
    const highest = Math.max(1000, Math.min(LONGEST_MS, ...(times.length ? [Math.max(...times)] : [0])));
    const share = (milliseconds) => Math.log10(Math.max(1, Math.min(milliseconds, highest))) / Math.log10(highest);
    for (const tick of [1, 10, 100, 1000, 10000].filter((one) => one <= highest))
      plot.line(share(tick), duration(tick / 1000));
    if (!shown.length) return plot.note(say("activity.empty"));
    shown.forEach((request, index) => drawFirst(plot, request, plot.column(index, Math.max(12, shown.length)), share));
    const y = plot.level(share(median(times)));
    plot.add("line", { x1: plot.left, x2: plot.right, y1: y, y2: y, class: "median" });
  });
}

function drawFirst(plot, request, x, share) {
  const y = plot.level(share(request.first_audio_ms));
  const kind = kindOf(request);
  const title = draw(
    "title",
    {},
    `${request.engine} ${request.voice}: ${duration(request.first_audio_ms / 1000)}, ${say(`activity.${kind}`)}`,
  );
  plot.add("line", { x1: x, x2: x, y1: plot.bottom, y2: y, class: "stem" });
  plot.add("circle", { cx: x, cy: y, r: kind === "fallback" ? 4.5 : 5, class: `bar-${kind}` }, title);
}

function showRate(chart) {
  showLegend(get("rate-legend"), ["done", "failed"]);
  const minutes = countMinutes(Date.now());
  const all = minutes.reduce((sum, minute) => sum + minute.done + minute.failed, 0);
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  chart.show(say("activity.rateLabel", number(all), number(failed)), (plot) => {
    const highest = nice(Math.max(4, ...minutes.map((minute) => minute.done + minute.failed)));
    for (const share of [0, 0.5, 1]) plot.line(share, number(share * highest));
    const width = Math.min(28, 0.62 * ((plot.right - plot.left) / minutes.length));
    minutes.forEach((minute, index) => {
      drawBar(plot, index, width, [0, minute.done / highest], "done");
      drawBar(plot, index, width, [minute.done / highest, (minute.done + minute.failed) / highest], "failed");
    });
    plot.foot(say("activity.ago", number(SHOWN_MINUTES)), "start");
    plot.foot(say("activity.now"), "end");
  });
}

function drawBar(plot, index, width, [from, to], kind) {
  if (to <= from) return;
  const x = plot.column(index, SHOWN_MINUTES) - width / 2;
  const y = plot.level(to);
  plot.add("rect", { x, y, width, height: plot.level(from) - y, rx: 3, class: `bar-${kind}` });
}

/** Return how many requests ended well and badly in each of the last minutes, the oldest first. */
function countMinutes(now) {
  const minutes = Array.from({ length: SHOWN_MINUTES }, () => ({ done: 0, failed: 0 }));
  for (const { time, status } of requests.value) {
    const ago = Math.floor((now - 1000 * time) / MINUTE_MS);
    if (ago < SHOWN_MINUTES)
      minutes[SHOWN_MINUTES - 1 - Math.max(0, ago)][status === "failed" ? "failed" : "done"] += 1;
  }
  return minutes;
}

function showLegend(element, kinds) {
  if (!isNews(element, [kinds, language.value])) return;
  element.replaceChildren(...kinds.map((kind) => make("span", { class: kind }, say(`activity.${kind}`))));
}

function showRequests() {
  get("requests").hidden = !requests.value.length;
  get("requests-none").hidden = requests.value.length > 0;
  if (!isNews(get("requests-rows"), [requests.value, language.value])) return;
  get("requests-rows").replaceChildren(...requests.value.slice(0, SHOWN_REQUESTS).map(row));
}

function row(request) {
  const has = request.first_audio_ms !== null;
  const cell = (attributes, ...children) => make("td", { role: "cell", ...attributes }, ...children);
  return make(
    "tr",
    { role: "row" },
    cell({ class: "when" }, clock(1000 * request.time)),
    cell({ class: "who" }, has ? request.engine : say("requests.nobody"), make("small", {}, request.voice)),
    cell({ class: "cached" }, has ? say(request.cached ? "cache.hit" : "cache.miss") : ""),
    cell({ class: "number first" }, has ? duration(request.first_audio_ms / 1000) : ""),
    cell({ class: "number length" }, has ? duration(request.audio_seconds) : ""),
    cell(
      { class: `outcome ${request.status === "failed" ? "bad" : ""}` },
      say(`outcome.${request.status}`),
      ...reason(request),
    ),
  );
}

function reason({ fallback, code }) {
  const whole = [code && make("small", {}, code), fallback && make("small", { class: "why", lang: "en" }, fallback)];
  return whole.filter(Boolean);
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Return the next number from 1, 2, 4, 10, 20, 40 … on. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 10].find((step) => step * power >= value) * power;
}
