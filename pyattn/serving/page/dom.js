// Small helpers that all parts of the page share.

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; texts become text nodes, never markup. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

let emptied;

/** Says something to people who hear the page. Equal texts in a row are said again. */
export function announce(text) {
  const place = $("announcement");
  place.textContent = "";
  clearTimeout(emptied);
  // Screen readers notice a change only if it comes by itself.
  emptied = setTimeout(() => {
    place.textContent = text;
  }, 60);
}

/** What is kept in the browser; a browser that keeps nothing is fine. */
export const kept = {
  get(name, fallback) {
    try {
      return JSON.parse(localStorage.getItem(`pyattn.${name}`)) ?? fallback;
    } catch {
      return fallback;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`pyattn.${name}`, JSON.stringify(value));
    } catch {
      // Full, or forbidden: the page works without.
    }
  },
};

/** Calls a function once things have been quiet for some milliseconds. */
export function debounced(milliseconds, act) {
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
