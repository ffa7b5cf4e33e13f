// Keeps the live parts of a page up to date. Everything else works without this script.
"use strict";

(() => {
  const state = document.getElementById("live-state");
  let loading = false;
  let again = false;

  // Whether a field has something else in it than the page came with.
  const isChanged = (field) => {
    if (field.matches("select")) { return field.selectedIndex !== Math.max(0, [...field.options].findIndex((one) => one.defaultSelected)); }
    return field.value !== field.defaultValue || (field.checked ?? false) !== (field.defaultChecked ?? false);
  };

  // A part that somebody types into, or has typed or chosen something in, is left as it is.
  const inUse = (part) => [...part.querySelectorAll("input, select, textarea")].some((field) => field === document.activeElement || isChanged(field));

  const say = (words, on) => { state.textContent = words; state.classList.toggle("on", on); };

  // What had the focus keeps it, although its part is replaced: it has an id, or leads to the same page.
  const selectorOf = (one) => {
    if (one.id) { return `#${CSS.escape(one.id)}`; }
    const link = one.getAttribute("href");
    return link ? `a[href="${CSS.escape(link)}"]` : "";
  };

  const update = async () => {
    if (loading) { again = true; return; }
    loading = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Console-Update": "1" }, redirect: "error" });
      if (answer.status === 401) { location.reload(); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live]")) {
        const other = fresh.getElementById(part.id);
        if (other && !inUse(part) && part.innerHTML !== other.innerHTML) {
          const focused = part.contains(document.activeElement) ? selectorOf(document.activeElement) : "";
          part.innerHTML = other.innerHTML;
          if (focused) { part.querySelector(focused)?.focus(); }
        }
      }
    } catch { /* the next event tries again */ } finally {
      loading = false;
      if (again) { again = false; setTimeout(update, 1000); }
    }
  };

  if (document.querySelector("[data-live]")) {
    const events = new EventSource("/events");
    events.addEventListener("open", () => { say("live", true); });
    events.addEventListener("changed", update);
    events.addEventListener("error", () => {
      say("not live", false);
      // The stream ends with the session: then the page that loads again is the login.
      if (!document.hidden) { setTimeout(update, 1000); }
    });
    addEventListener("pagehide", () => events.close());
  }

  // The slash key goes to the search, as on many sites.
  addEventListener("keydown", (event) => {
    const search = document.getElementById("search");
    if (event.key === "/" && search && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      search.focus();
    }
  });
})();
