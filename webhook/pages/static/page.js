// What every page does: it stays live, its times stay right, and no button is pressed twice.
import { live } from "./live.js";

const AGES = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const TICK = 10000; // ms between two looks at the times
const STUCK = 30000; // ms until a form whose answer was not waited for can be sent again

function ago(moment) {
  const seconds = (Date.now() - Date.parse(moment)) / 1000;
  const [unit, length] = AGES.find(([, length]) => seconds >= length) ?? [];
  return unit ? `${Math.floor(seconds / length)} ${unit} ago` : "now";
}

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = ago(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}

// A second click would post the form a second time while the answer is on its way.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
  setTimeout(free, STUCK, form);
});
// The browser brings a page back as it was left, with its forms sent.
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(free));

function free(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
}

setInterval(tellTimes, TICK);
document.addEventListener("runhook:changed", tellTimes);
live();
