// A job's form: the server is asked for price and faults while it is filled in, and files are kept
// as soon as they are chosen or dropped. Without this the form does the same when it is posted.
const form = document.querySelector("form.job");
const WAIT = 350; // ms without a keystroke until the server is asked
const touched = new Set(); // fields whose faults are shown: not those that nobody came to yet
let waiting, asking;

const named = (node) => node.closest?.("[data-field]")?.dataset.field;
const texts = () => {
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") data.append(name, value);
  data.set("do", "check");
  return data;
};

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(check, WAIT);
}

async function check() {
  clearTimeout(waiting);
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const answer = await fetch(form.action, { method: "POST", body: texts(), signal: mine.signal, headers: { "X-Fragment": "1", Accept: "text/html" } });
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // Asked anew meanwhile, or away: what is paid is checked again when the form is sent.
  }
}

function show(page) {
  // What was refused when the form was sent is true no longer than until it is asked again.
  const refused = document.getElementById("other-faults");
  const now = page.getElementById("other-faults");
  if (refused?.firstElementChild && now) refused.replaceChildren(...now.childNodes);
  for (const id of ["price", "pay"]) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh && old.textContent !== fresh.textContent) old.replaceChildren(...fresh.childNodes);
  }
  for (const field of form.querySelectorAll("[data-field]")) {
    if (!touched.has(field.dataset.field)) continue;
    const fresh = page.querySelector(`[data-field="${CSS.escape(field.dataset.field)}"]`);
    if (fresh) tell(field, fresh);
  }
}

// The fault of a field as the server has it; what stands in the field stays.
function tell(field, fresh) {
  const controls = (root) => [root, ...root.querySelectorAll("input:not([type=file], [type=hidden]), select, textarea")];
  const wanted = controls(fresh);
  controls(field).forEach((control, n) => {
    for (const name of ["aria-invalid", "aria-describedby"]) {
      const value = wanted[n]?.getAttribute(name);
      if (value) control.setAttribute(name, value);
      else control.removeAttribute(name);
    }
  });
  for (const fault of field.querySelectorAll(".fault")) fault.remove();
  for (const fault of fresh.querySelectorAll(".fault")) place(field, fault);
}

function place(field, fault) {
  const control = document.getElementById(fault.id.replace(/-fault$/, ""));
  const home = control?.closest(".field") ?? field;
  home.append(document.importNode(fault, true));
}

async function keep(drop, files) {
  const [value, chooser, said] = [drop.querySelector("[name]"), drop.querySelector("[type=file]"), drop.querySelector(".kept")];
  const several = chooser.multiple;
  for (const file of several ? files : [...files].slice(0, 1)) {
    said.textContent = `Keeping ${file.name} …`;
    const body = new FormData();
    body.append("file", file);
    const csrf = document.querySelector("meta[name=csrf-token]").content;
    const answer = await fetch(form.dataset.files, { method: "POST", body, headers: { "X-CSRF-Token": csrf } }).catch(() => undefined);
    if (!answer?.ok) {
      const problem = await answer?.json().catch(() => undefined);
      said.textContent = `${file.name} was not kept: ${problem?.errors?.[0]?.message ?? problem?.detail ?? "runhook does not answer"}`;
      return;
    }
    const kept = await answer.json();
    value.value = several && value.value.trim() ? `${value.value.trim()}\n${kept.value}` : kept.value;
    said.textContent = `${file.name} is kept (${kept.kind}, ${Math.ceil(kept.size / 1024)} KiB)`;
  }
  chooser.value = "";
  touched.add(named(drop));
  soon();
}

form?.addEventListener("input", (event) => {
  if (event.target.type === "file") return;
  if (event.target.name !== "other") soon();
});
form?.addEventListener("change", (event) => {
  touched.add(named(event.target));
  if (event.target.type === "file") keep(event.target.closest("[data-drop]"), event.target.files);
  else if (event.target.name !== "other") soon();
});
// Whoever leaves a field empty has come to it, and changed nothing.
form?.addEventListener("focusout", (event) => {
  const name = named(event.target);
  if (!name || touched.has(name)) return;
  touched.add(name);
  soon();
});
form?.addEventListener("submit", (event) => {
  // Asking for the price needs no new page, unless files or rows come with it.
  const rows = event.submitter?.textContent.trim() === "More rows";
  if (event.submitter?.value !== "check" || rows || [...form.querySelectorAll("[type=file]")].some((one) => one.files.length)) return;
  event.preventDefault();
  event.stopPropagation();
  for (const field of form.querySelectorAll("[data-field]")) touched.add(field.dataset.field);
  check();
});
for (const drop of form?.querySelectorAll("[data-drop]") ?? []) {
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    keep(drop, event.dataTransfer.files);
  });
}
// Enter would ask for the price, as in every other field.
document.getElementById("f-other")?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  form.querySelector("button[value=switch]").click();
});
// A form that the browser kept may have been sent since: the server says what it made.
addEventListener("pageshow", (event) => event.persisted && location.reload());
