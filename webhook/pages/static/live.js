// Keeps regions of a page as the server has them: <section id="…" data-live="…">.
//
// data-live        "any", or the ids of jobs: what has to change for it to be fetched again
// data-live-url    where it is fetched; without it the page's own address
// data-live-every  seconds after which it is fetched although nothing was heard
//
// One stream says which jobs changed; what is seen is fetched twice a second at most. Of several
// visible tabs one has the stream and tells the others: browsers open six connections to a host.
import { morph } from "./morph.js";

const GAP = 500; // ms between two fetches
const POLL = 5000; // ms between two fetches where no stream is to be had
const AGAIN = 60000; // ms until a stream is tried again
const APART = 1000; // ms over which pages that lose their streams together ask
let stream, polling, waiting, retrying, release;
let leaving = false; // nobody is signed in: the browser is on its way to the form
let asked = new Set(); // regions to be fetched
let fetching = false;
let last = 0;
const others = new BroadcastChannel("runhook-live");
others.onmessage = ({ data }) => !document.hidden && heard(data);

const regions = () => [...document.querySelectorAll("[data-live]")];
const address = (region) => region.dataset.liveUrl ?? location.href;

export function live() {
  if (!regions().length) return;
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => event.persisted && back());
  setInterval(tick, 1000);
  listen();
}

// Fetch regions now, whatever was heard: those given, or all.
export function refresh(some = regions()) {
  for (const region of some) asked.add(region.id);
  soon();
}

function back() {
  leaving = false;
  listen();
}

async function listen() {
  hush();
  if (document.hidden || leaving) return;
  // What happened while nobody listened was not heard.
  if (performance.now() > POLL) refresh();
  if (!navigator.locks) return open(); // only where the page is neither https nor local
  const waits = new AbortController();
  release = () => waits.abort();
  const held = () => new Promise((done) => ((release = done), open()));
  navigator.locks.request("runhook-live", { signal: waits.signal }, held).catch(() => {});
}

function open() {
  stream = new EventSource("/live");
  stream.onopen = tellAll;
  stream.onmessage = (event) => told(JSON.parse(event.data));
  stream.onerror = () => {
    if (stream?.readyState !== EventSource.CLOSED) return;
    stream = undefined;
    // Soon: what happened until now was not heard, and who was signed out is to see that.
    polling = setTimeout(poll, APART * Math.random());
    retrying = setTimeout(listen, AGAIN);
  };
}

function hush() {
  stream?.close();
  stream = undefined;
  release?.();
  release = undefined;
  clearTimeout(polling);
  clearTimeout(retrying);
}

function poll() {
  tellAll();
  polling = setTimeout(poll, POLL);
}

// Anything may have happened.
function tellAll() {
  told({ jobs: [], more: true });
}

function told(news) {
  if (navigator.locks) others.postMessage(news); // else each tab has a stream of its own
  heard(news);
}

function heard({ jobs, more }) {
  const changed = new Set(jobs);
  const concerned = (region) =>
    more || region.dataset.live === "any" || region.dataset.live.split(" ").some((id) => changed.has(id));
  const some = regions().filter(concerned);
  if (some.length) refresh(some);
}

function tick() {
  if (document.hidden) return;
  const now = performance.now();
  const due = (region) => now - (region.fetchedAt ?? 0) >= 1000 * region.dataset.liveEvery;
  const some = regions().filter((region) => region.dataset.liveEvery && due(region));
  if (some.length) refresh(some);
}

function soon() {
  if (waiting || fetching || document.hidden || leaving) return;
  waiting = setTimeout(fetchAsked, Math.max(0, last + GAP - performance.now()));
}

async function fetchAsked() {
  waiting = undefined;
  fetching = true;
  last = performance.now();
  const some = regions().filter((region) => asked.has(region.id));
  asked = new Set();
  try {
    for (const where of new Set(some.map(address))) await bring(where, some);
  } catch {
    // Away for a moment: the stream tells when it is back, and polling goes on.
  } finally {
    fetching = false;
    if (asked.size) soon();
  }
}

async function bring(where, some) {
  if (leaving) return;
  const wanted = some.filter((region) => address(region) === where);
  // Also where nothing comes: who is away is not asked each second.
  for (const region of wanted) region.fetchedAt = performance.now();
  const answer = await fetch(where, { headers: { "X-Fragment": "1", Accept: "text/html" } });
  if (answer.status === 401) return leave();
  if (!answer.ok) return;
  const text = await answer.text();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const region of wanted) {
    const found = fresh.getElementById(region.id);
    if (found) morph(region, found);
  }
  // A tab in the background is read by its title alone.
  if (where === location.href) document.title = fresh.title;
  document.dispatchEvent(new Event("runhook:changed"));
}

// Go where strangers are shown the form, once. By GET: reloading may post a form again.
function leave() {
  leaving = true;
  hush();
  location.replace(location.pathname + location.search);
}
