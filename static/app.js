// Claviger's script. Every page works without it; it only makes things nicer.
// Clicks, inputs and submits are listened for once, on the document, so that
// what is swapped in later (a dialog, a filtered table) needs no wiring.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const parse = (html) => new DOMParser().parseFromString(html, "text/html");
  const page = document.documentElement;

  // The server's clock as seen from here: a browser's own may be wrong.
  const skew = page.dataset.now ? Date.parse(page.dataset.now) - Date.now() : 0;
  const now = () => Date.now() + skew;

  // --- Copy ---------------------------------------------------------------

  const textOf = (el) => ("value" in el ? el.value : el.textContent);

  function select(el) {
    if (el.select) {
      el.focus();
      el.select();
      return;
    }
    const range = document.createRange();
    range.selectNodeContents(el);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  async function toClipboard(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false; // no such API on a plain-http host, or not allowed
    }
  }

  async function copy(button, text, fallback) {
    tell(button, await toClipboard(text), fallback);
  }

  // tell says "Copied" only when it was. Otherwise it selects what fallback()
  // returns and names the keys.
  function tell(button, copied, fallback) {
    const status = $(".copy-status", button.parentElement);
    const label = $("[data-copy-label]", button);
    for (const other of $$(".copy-status")) if (other !== status) other.textContent = "";
    if (copied) {
      label.textContent = status.textContent = "Copied";
      status.classList.add("hidden");
    } else {
      status.classList.remove("hidden");
      status.textContent = `Press ${/Mac|iP/.test(navigator.platform) ? "⌘C" : "Ctrl+C"} to copy`;
      select(fallback());
    }
    clearTimeout(button.timer);
    button.timer = setTimeout(() => {
      label.textContent = "Copy";
      if (status.classList.contains("hidden")) status.textContent = "";
    }, 2000);
  }

  // copyAnswer asks the browser at the click: when a slow answer has come, it may
  // not allow it any more. Where it cannot, the page that comes copies.
  async function copyAnswer(form, button, event) {
    if (!navigator.clipboard || !window.ClipboardItem) return;
    event.preventDefault();
    const input = bring(form, button);
    const text = input.then((el) => new Blob([el.value], { type: "text/plain" }));
    try {
      const written = navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
      const copied = await written.then(() => true, () => false);
      const row = form.closest("[data-password]");
      row.replaceChildren(...(await input).closest("[data-password]").childNodes);
      hideLater(await input);
      const again = $("[data-copy]", row);
      again.focus();
      tell(again, copied, () => $("input", row));
    } catch {
      form.submit(); // shows why
    }
  }

  async function bring(form, button) {
    const body = new URLSearchParams(new FormData(form, button));
    const answer = await fetch(form.action, { method: "POST", body });
    return $("[data-copy-on-load]", parse(await answer.text()));
  }

  function copyPlain(button) {
    const target = $(button.dataset.copy);
    if (target) copy(button, textOf(target), () => target);
  }

  // The command on the page says $TOKEN, or what the secret's field names; the
  // copied one has the secret in it.
  function copyWithSecret(button) {
    const shown = $(button.dataset.copyWithSecret);
    const secret = $("[data-secret]");
    const command = textOf(shown).replaceAll(secret.dataset.variable || "$TOKEN", () => secret.value);
    copy(button, command, () => {
      const box = shown.closest("pre");
      let area = $(".copy-fallback", box.parentElement);
      if (!area) {
        area = document.createElement("textarea");
        area.className = "copy-fallback mono";
        area.readOnly = true;
        area.rows = 4;
        area.setAttribute("aria-label", "The command with the secret in it");
        box.after(area);
      }
      area.value = command;
      return area;
    });
  }

  // --- The revealed password hides itself, not while it has the focus --------

  function hideLater(input) {
    const end = now() + Number(input.dataset.hideAfter) * 1000;
    const tick = setInterval(() => {
      if (now() < end || document.activeElement === input) return;
      clearInterval(tick);
      hide(input);
    }, 1000);
  }

  function hide(input) {
    const row = input.closest("[data-password]");
    const mask = row && $("[data-mask]", row);
    if (!mask) return;
    const hadFocus = row.contains(document.activeElement);
    input.value = "";
    row.replaceChildren(mask.content.cloneNode(true));
    if (hadFocus) $("button", row).focus();
  }

  // --- Countdown of the elevation ------------------------------------------

  function clock(seconds) {
    const two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(seconds / 3600);
    const m = Math.floor(seconds / 60) % 60;
    return h ? `${h}:${two(m)}:${two(seconds % 60)}` : `${m}:${two(seconds % 60)}`;
  }

  let warned = false;
  function countdown() {
    const counters = $$("[data-countdown]");
    if (!counters.length) return;
    let rest = 0;
    for (const el of counters) {
      rest = Math.max(0, Math.ceil((Date.parse(el.dataset.countdown) - now()) / 1000));
      const text = clock(rest);
      if (el.textContent !== text) el.textContent = text;
    }
    if (rest <= 60 && !warned) {
      warned = true;
      $(".bar").classList.add("ending");
      const status = $("[data-countdown-status]");
      if (status && rest) status.textContent = "One minute of your elevation is left.";
    }
    if (!rest) elevationEnds();
  }

  // Only the bar changes: what was typed below it stays.
  function elevationEnds() {
    const line = $("[data-elevation]");
    const ended = line && $("[data-elevation-ended]", line);
    if (ended) line.replaceChildren(ended.content.cloneNode(true));
    $(".bar").classList.remove("elevated", "ending");
    for (const el of $$("[data-countdown]")) el.removeAttribute("data-countdown");
    const row = $("#user-menu .menu-row:has(.left)");
    const again = $("[data-menu-elevate]");
    if (again) again.replaceWith(again.content);
    if (row) row.remove();
  }

  // --- Relative times, in the words of templates.Relative ---------------------

  function span(s) {
    const day = 86400;
    const days = Math.floor(s / day);
    if (s < 5) return "";
    if (s < 60) return `${Math.floor(s)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < day) return `${Math.floor(s / 3600)} h`;
    if (days < 60) return days === 1 ? "1 day" : `${days} days`;
    if (days < 730) return `${Math.floor(days / 30)} months`;
    return `${Math.floor(days / 365)} years`;
  }

  function relative(at) {
    const s = (now() - at) / 1000;
    const words = span(Math.abs(s));
    if (!words) return s < 0 ? "in a moment" : "just now";
    return s < 0 ? `in ${words}` : `${words} ago`;
  }

  function refreshTimes() {
    for (const el of $$("time[data-relative]")) {
      const text = relative(Date.parse(el.dateTime));
      if (el.textContent !== text) el.textContent = text;
    }
  }

  // --- Dialogs: the page behind a link, shown above this one ------------------

  async function openDialog(url, opener) {
    let body;
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" } });
      body = answer.ok && $("main [data-dialog-body]", parse(await answer.text()));
    } catch {
      body = null;
    }
    if (!body) {
      location.href = url;
      return;
    }
    const dialog = document.createElement("dialog");
    body.classList.remove("narrow");
    asTitle(dialog, body);
    dialog.append(body);
    document.body.append(dialog);
    enhance(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      forget();
      if (opener.isConnected) opener.focus();
    });
    dialog.showModal();
    ($("[autofocus]", dialog) || $("[data-cancel]", dialog))?.focus();
  }

  // The page below keeps its only h1.
  function asTitle(dialog, body) {
    const h1 = $("h1", body);
    if (!h1) return;
    const h2 = document.createElement("h2");
    h2.className = "title";
    h2.id = "dialog-title";
    h2.append(...h1.childNodes);
    h1.replaceWith(h2);
    dialog.setAttribute("aria-labelledby", h2.id);
  }

  function follow(link, event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const menu = link.closest("[popover]");
    const opener = (menu && $(`[popovertarget="${menu.id}"]`)) || link;
    if (menu) menu.hidePopover();
    if (link.dataset.elevate !== undefined) keep();
    openDialog(link.href, opener);
  }

  // --- What was typed survives an elevation --------------------------------------

  const keptKey = (form) => `kept ${form.getAttribute("action")}`;
  const keepable = (form) =>
    [...form.elements].filter((el) => el.name && !["password", "hidden", "submit"].includes(el.type));

  function keep() {
    for (const form of $$("form[data-keep]")) {
      const values = keepable(form).map((el) => [el.name, el.value, !!el.checked]);
      sessionStorage.setItem(keptKey(form), JSON.stringify({ at: Date.now(), values }));
    }
  }

  function forget() {
    for (const form of $$("form[data-keep]")) sessionStorage.removeItem(keptKey(form));
  }

  function restore() {
    for (const form of $$("form[data-keep]")) {
      const kept = JSON.parse(sessionStorage.getItem(keptKey(form)) || "null");
      sessionStorage.removeItem(keptKey(form));
      if (!kept || Date.now() - kept.at > 600000) continue;
      for (const el of keepable(form)) {
        const tick = el.type === "checkbox" || el.type === "radio";
        const found = kept.values.find(([n, v]) => n === el.name && (!tick || v === el.value));
        if (!found) continue;
        if (tick) el.checked = found[2];
        else el.value = found[1];
      }
    }
  }

  // --- Small things of forms ---------------------------------------------------

  function matchConfirm(root) {
    for (const button of $$("[data-needs-match]", root)) {
      const input = $(button.dataset.needsMatch, root);
      button.disabled = !input || input.value.trim() !== input.dataset.match;
    }
  }

  function minutesLabel(root) {
    const button = $("[data-minutes-label]", root);
    const chosen = $('[name="minutes"]:checked', root);
    if (button && chosen) button.textContent = `Elevate for ${chosen.value} minutes`;
  }

  function countSelected() {
    const labels = $$("[data-selected-count]");
    if (!labels.length) return;
    const boxes = $$('input[name="id"][form="revoke-selected"]');
    const chosen = boxes.filter((box) => box.checked);
    for (const label of labels) {
      label.textContent = `${label.dataset.selectedCount} ${chosen.length ? `${chosen.length} ` : ""}selected…`;
      label.closest("button").disabled = !chosen.length;
    }
    for (const box of boxes) box.closest("tr").classList.toggle("selected", box.checked);
    const all = $("[data-select-all]");
    if (!all) return;
    all.checked = boxes.length > 0 && chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  }

  function selectAll(on) {
    for (const box of $$('input[name="id"][form="revoke-selected"]')) box.checked = on;
  }

  // --- The filter of a table follows one's typing -------------------------------

  let filterTimer, filterRun;
  function filterSoon(form) {
    clearTimeout(filterTimer);
    filterTimer = setTimeout(() => filter(form), 250);
  }

  async function filter(form) {
    const target = $(form.dataset.liveFilter);
    const query = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    const url = form.action.split("?")[0] + (query.size ? `?${query}` : "");
    filterRun?.abort();
    filterRun = new AbortController();
    try {
      const answer = await fetch(url, { signal: filterRun.signal, headers: { Accept: "text/html" } });
      const fresh = answer.ok && $(form.dataset.liveFilter, parse(await answer.text()));
      if (!fresh) {
        form.submit();
        return;
      }
      target.replaceChildren(...fresh.childNodes);
      history.replaceState(null, "", url);
      countSelected();
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    }
  }

  // --- Live regions ----------------------------------------------------------------

  // poll asks every two seconds while somebody looks, and gives up for good when
  // the answer is that there is nothing here for this visitor.
  function poll(region) {
    const timer = setInterval(async () => {
      if (document.hidden || !region.isConnected) return;
      try {
        const answer = await fetch(region.dataset.live, { headers: { Accept: "text/html" } });
        if (answer.redirected || [401, 403, 404].includes(answer.status)) {
          clearInterval(timer);
          return;
        }
        if (!answer.ok) return;
        const html = await answer.text();
        if (html !== region.seen) {
          region.seen = html;
          region.replaceChildren(...parse(html).body.childNodes);
        }
      } catch {
        // The next round may do better.
      }
    }, 2000);
  }

  // --- Wiring ------------------------------------------------------------------------

  function click(event) {
    const on = (selector) => event.target.closest(selector);
    let el;
    if ((el = on("[data-copy]"))) copyPlain(el);
    else if ((el = on("[data-copy-with-secret]"))) copyWithSecret(el);
    else if ((el = on("[data-fill]"))) {
      const input = $(el.dataset.fill, el.closest("form"));
      input.value = el.textContent;
      input.focus();
    } else if ((el = on("a[data-dialog]"))) follow(el, event);
    else if ((el = on("dialog [data-cancel]"))) {
      event.preventDefault();
      el.closest("dialog").close();
    } else if ((el = on("[data-hide]"))) {
      event.preventDefault();
      hide($("[data-secret]", el.closest("[data-password]")));
    }
  }

  function input(event) {
    const el = event.target;
    const form = el.closest?.("form");
    if (el.matches("[data-match]")) matchConfirm(form);
    if (el.name === "minutes") minutesLabel(form);
    if (el.matches("[data-select-all]")) selectAll(el.checked);
    if (el.type === "checkbox") countSelected();
    if (form?.dataset.liveFilter) filterSoon(form);
  }

  function submit(event) {
    const form = event.target;
    if (event.submitter?.dataset.copyAnswer !== undefined) copyAnswer(form, event.submitter, event);
    if (form.dataset.dialogForm === undefined) return;
    event.preventDefault();
    const url = event.submitter?.getAttribute("formaction") || form.action;
    openDialog(`${url}?${new URLSearchParams(new FormData(form))}`, event.submitter || form);
  }

  function enhance(root) {
    matchConfirm(root);
    minutesLabel(root);
    for (const region of $$("[data-live]", root)) poll(region);
  }

  function start() {
    document.addEventListener("click", click);
    document.addEventListener("input", input);
    document.addEventListener("submit", submit);
    enhance(document);
    countSelected();
    restore();
    countdown();
    setInterval(countdown, 1000);
    setInterval(refreshTimes, 30000);
    for (const field of $$("[data-hide-after]")) hideLater(field);
    const wanted = $("[data-copy-on-load]");
    if (wanted) copyPlain($(`[data-copy="#${wanted.id}"]`));
  }

  start();
})();
