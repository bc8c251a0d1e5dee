// Makes an element like a new one, and leaves alone what somebody is busy with.
//
// Children with data-key, or an id, are known again wherever they stand. What has the focus, a
// selection, a checked box, an open <details> or plays is neither replaced nor removed.

const OWN = { DETAILS: ["open"], INPUT: ["value", "checked"], OPTION: ["selected"], DIALOG: ["open"] };
const key = (node) => node.dataset?.key || node.id || undefined;

export function morph(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== wanted.data && !selected(old)) old.data = wanted.data;
    return;
  }
  if (plays(old) || turns(old, wanted) || "liveKeep" in old.dataset) return;
  attributes(old, wanted);
  if (old.tagName !== "TEXTAREA") children(old, wanted);
}

function attributes(old, wanted) {
  const own = old.type === "hidden" ? [] : OWN[old.tagName] ?? [];
  for (const { name } of [...old.attributes])
    if (!wanted.hasAttribute(name) && !own.includes(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (!own.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
}

function children(old, wanted) {
  const known = new Map();
  for (const child of old.children) if (key(child)) known.set(key(child), child);
  const named = new Set([...wanted.children].map(key));
  let at = old.firstChild;
  for (const want of [...wanted.childNodes]) {
    const have = key(want) ? known.get(key(want)) : alike(at, want) && at;
    if (!have) {
      old.insertBefore(document.importNode(want, true), at);
      continue;
    }
    // What stands before it and is wanted no more goes, so that it need not be moved itself.
    while (at && at !== have && !named.has(key(at))) at = drop(at);
    if (at === have) at = at.nextSibling;
    else move(old, have, at);
    morph(have, want);
  }
  while (at) at = drop(at);
}

const alike = (node, want) => node && !key(node) && !key(want) && node.nodeName === want.nodeName;

function drop(node) {
  const next = node.nextSibling;
  if (!busy(node)) node.remove();
  return next;
}

// Moved as it is where the browser can, so that nothing in it stops or loses the focus.
function move(parent, node, before) {
  if (parent.moveBefore) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

function busy(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return selected(node);
  if (node.contains(document.activeElement) || selected(node)) return true;
  return [node, ...node.querySelectorAll("details, input, video, audio")].some(
    (one) => plays(one) || (one.tagName === "DETAILS" && one.open) || one.checked,
  );
}

// A model that is drawn here already, by glb.js.
const turns = (old, wanted) => old.dataset.glb && old.dataset.glb === wanted.dataset.glb;

const plays = (node) => node instanceof HTMLMediaElement && !node.paused && !node.ended;

function selected(node) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(node, true);
}
