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
  // What refreshes itself does so without a word, whether it works or not.
  const quiet = (event) => Boolean(event.detail.elt?.closest?.("[data-quiet]"));
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (quiet(event)) return;
    wait(1);
    const target = event.detail.target;
    if (target && target.hasAttribute("data-busy")) target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (quiet(event)) return;
    wait(-1);
    const target = event.detail.target;
    if (target) target.removeAttribute("aria-busy");
    if (event.detail.failed) say(root.dataset.failed || "");
  });

  // What was focused and is replaced: its successor takes over, or the first thing that came.
  let replaced = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.isError && event.detail.requestConfig?.elt?.closest("[data-quiet]")) event.detail.shouldSwap = false;
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

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  // The changing code: which one shows goes by the time since the server gave them, so that this
  // device's clock may be wrong. The calendar's clock runs on while a device sleeps, which the other
  // one need not; only how far it has come counts. Fresh ones are asked for when half are gone.
  const ASK_AGAIN_MS = 15000;
  let box = null, began = 0, beganByDate = 0, span = 0, asked = -ASK_AGAIN_MS;
  const turn = () => {
    const found = document.querySelector("[data-codes]");
    if (!found) return;
    const now = performance.now();
    const steps = [...found.querySelectorAll("[data-until]")];
    if (found !== box) {
      const loaded = box ? now : performance.getEntriesByType("navigation")[0]?.responseStart || 0;
      box = found;
      began = loaded;
      beganByDate = Date.now() - (now - loaded);
      span = Number(steps.at(-1).dataset.until);
      asked = -ASK_AGAIN_MS;
    }
    const passed = Math.max(now - began, Date.now() - beganByDate);
    const shown = steps.find((step) => passed < Number(step.dataset.until));
    for (const step of steps) step.hidden = step !== shown;
    const ranOut = box.querySelector("[data-ran-out]");
    if (ranOut.hidden !== Boolean(shown)) ranOut.hidden = Boolean(shown);
    box.querySelector("[data-fresh]").hidden = !shown;
    const left = box.querySelector("[data-left]");
    left.parentElement.hidden = !shown;
    if (shown) left.value = Math.ceil((Number(shown.dataset.until) - passed) / 1000);
    if (span - passed < span / 2 && now - asked >= ASK_AGAIN_MS && window.htmx) {
      asked = now;
      window.htmx.trigger(box, "renew");
    }
  };
  turn();
  window.setInterval(turn, 250);

  // While something is shown to a scanner, the screen stays on.
  const stayAwake = () => {
    turn();
    if (document.visibilityState === "visible" && document.querySelector("[data-awake]")) {
      navigator.wakeLock?.request("screen").catch(() => {});
    }
  };
  document.addEventListener("visibilitychange", stayAwake);
  stayAwake();

  // Filters send themselves; the button that does it without this is hidden by the stylesheet.
  root.classList.add("scripted");
})();
