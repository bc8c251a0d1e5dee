// A search that answers while one types: the same page is fetched and its list put in place.
const WAIT = 200; // ms without a keystroke
let waiting, asking;

for (const form of document.querySelectorAll("form[data-search]")) {
  const search = async () => {
    asking?.abort();
    const mine = (asking = new AbortController());
    const where = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    try {
      const answer = await fetch(where, { signal: mine.signal, headers: { "X-Fragment": "1", Accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const [old, fresh] = [document, page].map((one) => one.getElementById(form.dataset.search));
      old.replaceChildren(...fresh.childNodes);
      history.replaceState(null, "", where);
    } catch {
      // Asked anew meanwhile, or away: the button asks again.
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(search, WAIT);
  });
}
