/**
 * The browser's part of personalization: it tells the site what was seen, read and done, after consent and only then.
 *
 *   <script type="module" src="…/client.js" data-personalization data-api="/api/personalization/v1/"
 *           data-purposes="analytics personalization" data-item="page:12"></script>
 *
 * `data-purposes` says what the visitor allows; empty means nothing, and then nothing is sent, stored or observed.
 * A page that is cached for everybody leaves it out, and the choice made in this browser is remembered instead.
 */

const script = document.querySelector("script[data-personalization]");
const { api, item, purposes } = script.dataset;
const QUEUE = "personalization.queue";
const CHOICE = "personalization.choice";
const MOST_KEPT = 200;
const BATCH = 40;
const LARGEST_BATCH = 50_000;
const SOON = 400;
const LONGEST_WAIT = 300_000;
const LONGEST_FILL = 5000;

/* Storage that may be blocked, full or spoilt: then there is none. */
const store = {
  read(name) {
    try {
      const value = JSON.parse(localStorage.getItem(name));
      return Array.isArray(value) ? value : [];
    } catch {
      return [];
    }
  },
  write(name, value) {
    try {
      if (value?.length) localStorage.setItem(name, JSON.stringify(value));
      else localStorage.removeItem(name);
    } catch {
      // What cannot be kept is lost, and the page goes on.
    }
  },
};

/** The purposes allowed now. A refusal is remembered as ["none"], so that the banner does not ask again. */
let allowed = (purposes ?? store.read(CHOICE).join(" ")).split(" ").filter((word) => word && word !== "none");
let queue = [];
let timer = null;
let sending = false;
let failures = 0;
let notBefore = 0;

/* --- Sending ------------------------------------------------------------------------------------------------ */

/** A random id; `randomUUID` is missing on pages without TLS. */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, "$1-$2-4$3-8$4-$5");
}

/**
 * Note one event and send it soon, with others.
 * @param {string} kind
 * @param {{token?: string, item?: string, goal?: string, value?: number, duration_ms?: number}} facts
 */
function record(kind, facts) {
  if (!allowed.length) return;
  queue.push({ id: newId(), kind, occurred_at: new Date().toISOString(), ...facts });
  timer ??= setTimeout(flush, SOON);
}

/** Put what could not be sent where the next page, or another tab, finds it. */
function keep() {
  if (queue.length && allowed.length) store.write(QUEUE, [...store.read(QUEUE), ...queue].slice(-MOST_KEPT));
  queue = [];
}

function takeKept() {
  queue = [...store.read(QUEUE), ...queue];
  store.write(QUEUE, []);
}

/** The oldest events, as many as a beacon carries. */
function takeBatch() {
  let size = 0;
  const end = queue.findIndex((event, index) => (size += JSON.stringify(event).length) > LARGEST_BATCH && index > 0);
  return queue.splice(0, Math.min(end < 0 ? BATCH : end, BATCH));
}

const ask = (method, path, body) =>
  fetch(api + path, {
    method,
    headers: { "Content-Type": "application/json" },
    credentials: "same-origin",
    keepalive: true,
    body: JSON.stringify(body),
  });

/** Send everything, oldest first; wait and try again when the server or the network is out of order. */
export async function flush() {
  clearTimeout(timer);
  timer = null;
  if (sending || !allowed.length) return;
  const early = notBefore - Date.now();
  if (early > 0) {
    timer = setTimeout(flush, early);
    return;
  }
  sending = true;
  takeKept();
  while (queue.length) {
    const batch = takeBatch();
    const wait = await send(batch);
    if (wait) {
      queue.unshift(...batch);
      keep();
      notBefore = Date.now() + wait;
      timer = setTimeout(flush, wait);
      break;
    }
  }
  sending = false;
}

/** Send one batch; the answer is how many milliseconds to wait before it is sent again, 0 for never. */
async function send(batch) {
  try {
    const response = await ask("POST", "events/", { events: batch });
    if (response.status === 429) return 1000 * (Number(response.headers.get("Retry-After")) || 60);
    if (response.status < 500) {
      failures = 0;
      // What has no shape will not get one: other refusals of the whole batch are final.
      const { rejected = [] } = response.ok ? await response.json() : {};
      if (rejected.length === batch.length && rejected.every(({ code }) => code === "no_consent")) forget();
      return 0;
    }
  } catch {
    // Offline, or the server is gone.
  }
  return Math.min(1000 * 2 ** failures++, LONGEST_WAIT);
}

/** The page is going away: no answer can be waited for. */
function leave() {
  if (!allowed.length) return;
  if (!navigator.onLine || Date.now() < notBefore) return keep();
  while (queue.length) {
    const batch = { events: takeBatch() };
    const body = new Blob([JSON.stringify(batch)], { type: "application/json" });
    if (!navigator.sendBeacon?.(`${api}events/`, body)) ask("POST", "events/", batch).catch(() => {});
  }
}

/** Stop everything and drop what was kept. */
function forget() {
  allowed = [];
  queue = [];
  store.write(QUEUE, []);
  store.write(CHOICE, []);
  observer.disconnect();
}

/* --- Observing ---------------------------------------------------------------------------------------------- */

const timers = new WeakMap();
const counted = new Set();

/** What a slot's element says about the card it is in. */
function placeOf(element) {
  const card = element.closest("[data-slot-item]");
  const token = element.closest("[data-slot-token]")?.dataset.slotToken;
  return card && token ? { token, item: card.dataset.slotItem } : null;
}

/** Half of a card, or half a screen of it, in sight for one second is one impression for each decision and item. */
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting, intersectionRatio, intersectionRect } of entries) {
      clearTimeout(timers.get(target));
      const seen = intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2;
      if (isIntersecting && seen) timers.set(target, setTimeout(impress, 1000, target));
    }
  },
  { threshold: [0, 0.1, 0.2, 0.3, 0.4, 0.5] },
);

function impress(card) {
  if (document.hidden) return void timers.set(card, setTimeout(impress, 1000, card));
  const place = placeOf(card);
  const name = place && `${place.token} ${place.item}`;
  observer.unobserve(card);
  if (!place || counted.has(name)) return;
  counted.add(name);
  record("impression", place);
}

/** Clicks by mouse, middle button and keyboard: all of them arrive as click or auxclick. */
function onClick(event) {
  if (event.button > 1 || !(event.target instanceof Element)) return;
  const place = event.target.closest("a[href]") && placeOf(event.target);
  if (place) record("click", place);
  const goal = event.target.closest("[data-goal]:not(form)");
  if (goal) reach(goal);
  const button = event.type === "click" && event.target.closest("[data-dismiss]");
  if (button) dismiss(button);
}

/** Not interested: say so, take the card away, and go on with the next one. */
function dismiss(button) {
  const place = placeOf(button);
  if (!place) return;
  record("dismiss", place);
  const card = button.closest("[data-slot-item]");
  const next = card.nextElementSibling ?? card.previousElementSibling;
  card.remove();
  next?.querySelector("a, button")?.focus();
}

function reach(element) {
  const { goal: name, goalValue } = element.dataset;
  goal(name, { ...placeOf(element), ...(goalValue && { value: Number(goalValue) }) });
}

/**
 * A goal was reached: a sale, a registration.
 * @param {string} name
 * @param {{value?: number, token?: string, item?: string}} [facts]
 */
export function goal(name, facts) {
  record("conversion", { goal: name, item, ...facts });
}

/**
 * Anything else worth counting.
 * @param {string} name
 * @param {{value?: number}} [facts]
 */
export function custom(name, facts) {
  record("custom", { goal: name, item, ...facts });
}

let since = null;
let depth = 0;

/** Reading time runs only while the page can be seen; each stretch is told by itself. */
function onVisibility() {
  if (!allowed.length) return;
  if (!document.hidden) {
    since ??= performance.now();
    return;
  }
  const duration = since === null ? 0 : Math.round(performance.now() - since);
  since = null;
  if (item && duration >= 1000) record("dwell", { item, duration_ms: duration });
  leave();
}

function onScroll() {
  const { scrollTop, clientHeight, scrollHeight } = document.documentElement;
  const reached = Math.floor(((scrollTop + clientHeight + 1) / scrollHeight) * 4) * 25;
  while (item && depth < Math.min(reached, 100)) record("scroll", { item, value: (depth += 25) });
}

/* --- Content ------------------------------------------------------------------------------------------------ */

/** Placeholders are filled one after the other, so that nothing appears twice. */
let filling = Promise.resolve();

/** Fill one placeholder with what the page does not show yet; whatever goes wrong, the words that are in it stay. */
async function fill(place) {
  const url = new URL(place.dataset.slotFragment, location.href);
  if (url.origin !== location.origin) return;
  const others = all(document, "[data-slot-token]").filter((slot) => !place.contains(slot));
  const shown = others.map((slot) => slot.dataset.slotToken);
  try {
    const response = await fetch(url, {
      credentials: "same-origin",
      headers: { "X-Personalization-Shown": shown.slice(-8).join(" ") },
      signal: AbortSignal.timeout(LONGEST_FILL),
    });
    const html = response.ok ? (await response.text()).trim() : "";
    if (html) place.innerHTML = html;
  } catch {
    // Offline: the fallback is what the place shows.
  }
}

/** Every element under `root`, itself included, that matches. */
const all = (root, selector) => [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];

/**
 * Observe the cards and fill the fragments under a node. Called by itself for everything that enters the page.
 * @param {Element | Document} [root]
 */
export function scan(root = document) {
  if (!allowed.length) return;
  for (const place of all(root, "[data-slot-fragment]")) filling = filling.then(() => fill(place));
  for (const button of all(root, "[data-dismiss]")) button.hidden = false;
  for (const card of all(root, "[data-slot-item]")) observer.observe(card);
}

/* --- Consent ------------------------------------------------------------------------------------------------ */

const PURPOSES = ["analytics", "personalization"];

/** What the form's boxes say, unless the button pressed says all or none. */
const wanted = (form, button) =>
  PURPOSES.filter((purpose) => button?.value === "all" || (button?.value !== "none" && form.elements[purpose]?.checked));

/** Store the choice of a consent form without leaving the page. */
async function onConsent(event) {
  const form = event.target;
  event.preventDefault();
  const choice = wanted(form, event.submitter);
  const body = Object.fromEntries(PURPOSES.map((purpose) => [purpose, choice.includes(purpose)]));
  const response = await ask("PUT", "consent/", body).catch(() => null);
  if (!response?.ok && choice.length) {
    const error = form.querySelector("[data-consent-error]");
    if (error) error.hidden = false;
    return;
  }
  const answer = response?.ok ? await response.json() : {};
  apply(PURPOSES.filter((purpose) => answer[purpose]));
  dispatchEvent(new CustomEvent("personalization:consent", { detail: { purposes: allowed } }));
}

/** Live by a new choice, at once. */
function apply(granted) {
  const before = allowed;
  if (!granted.length) forget();
  store.write(CHOICE, granted.length ? granted : ["none"]);
  showBanner(false);
  allowed = granted;
  if (before.includes("personalization") && !granted.includes("personalization")) location.reload();
  else if (granted.length && !before.length) start();
  else scan();
}

function showBanner(visible) {
  for (const form of document.querySelectorAll("form[data-consent-form]")) {
    (form.closest("[data-consent]") ?? form.closest("aside") ?? form).hidden = !visible;
  }
}

/* --- Start -------------------------------------------------------------------------------------------------- */

function start() {
  if (purposes) store.write(CHOICE, allowed);
  onVisibility();
  if (item) record("view", { item });
  scan();
  flush();
}

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-consent-form]")) onConsent(event);
  else if (event.target.matches("[data-goal]")) reach(event.target);
});
document.addEventListener("click", onClick, true);
document.addEventListener("auxclick", onClick, true);
document.addEventListener("visibilitychange", onVisibility);
addEventListener("pagehide", leave);
addEventListener("scroll", onScroll, { passive: true });
addEventListener("online", () => {
  notBefore = 0;
  flush();
});

const late = new MutationObserver((changes) => {
  for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) scan(node);
});
late.observe(document.documentElement, { childList: true, subtree: true });

if (!allowed.length) {
  // Nothing is allowed, so nothing of an earlier grant may remain; a refusal is all that is remembered.
  const refused = store.read(CHOICE).includes("none");
  store.write(QUEUE, []);
  store.write(CHOICE, refused ? ["none"] : []);
  showBanner(!refused);
} else if (document.prerendering) {
  document.addEventListener("prerenderingchange", start, { once: true });
} else {
  start();
}
