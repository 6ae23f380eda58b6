/* What the pages do beyond htmx: say what happened, keep the focus, copy. All of it may be missing. */
(() => {
  "use strict";
  const root = document.documentElement;
  const status = () => document.getElementById("status");

  const say = (text) => {
    const region = status();
    if (!region || !text) return;
    region.textContent = "";
    window.setTimeout(() => { region.textContent = text; }, 50);
  };

  // A form that was refused: the summary of its errors takes the focus.
  const focusIn = (scope) => {
    const wanted = scope.querySelector("[data-focus]");
    if (wanted) wanted.focus();
    return Boolean(wanted);
  };

  document.addEventListener("DOMContentLoaded", () => focusIn(document));

  // A filter that asks for nothing needs no place in the address.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") return;
    const asked = event.detail.formData;
    for (const [name, value] of [...asked.entries()]) if (value === "") asked.delete(name);
  });

  let waiting = 0;
  const wait = (step) => {
    waiting = Math.max(0, waiting + step);
    root.classList.toggle("waiting", waiting > 0);
  };
  document.addEventListener("htmx:beforeRequest", (event) => {
    wait(1);
    const target = event.detail.target;
    if (target && target.hasAttribute("data-busy")) target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    wait(-1);
    const target = event.detail.target;
    if (target) target.removeAttribute("aria-busy");
    if (event.detail.failed) say(root.dataset.failed || "");
  });

  // What was focused and is replaced: its successor takes over, or the first thing that came.
  let replaced = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    replaced = event.detail.target.contains(document.activeElement);
  });

  // After a swap: whoever says something says it; whoever asked for the focus gets it.
  document.addEventListener("htmx:afterSettle", (event) => {
    const fresh = event.detail.elt;
    if (!fresh || !fresh.querySelector) return;
    if (!focusIn(fresh) && replaced && !fresh.contains(document.activeElement)) {
      const first = fresh.querySelector("summary, a[href], button") || fresh;
      first.focus({ preventScroll: true });
    }
    replaced = false;
    if (fresh.dataset.csv) document.getElementById("csv")?.setAttribute("href", fresh.dataset.csv);
    const words = fresh.matches("[data-say]") ? fresh : fresh.querySelector("[data-say]");
    if (words) say(words.dataset.say);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    navigator.clipboard.writeText(button.dataset.copy).then(() => say(button.dataset.copied));
  });

  // Filters send themselves; the button that does it without this is hidden by the stylesheet.
  root.classList.add("scripted");
})();
