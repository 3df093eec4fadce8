// What the page holds: rows at once, ladders and explanations when they are asked for.

const byId = (id) => document.getElementById(id);

const inflate = async (id) => {
  const text = atob(byId(id).textContent);
  const octets = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) octets[place] = text.charCodeAt(place);
  const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};

const chunks = new Map();

// Chunks stand behind this script, and the browser may still be reading them.
const loaded = new Promise((done) => {
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", done);
  else done();
});

const chunk = (number) => {
  if (!chunks.has(number)) {
    if (chunks.size > 8) chunks.delete(chunks.keys().next().value);
    chunks.set(number, loaded.then(() => inflate(`chunk-${number}`)));
  }
  return chunks.get(number);
};

// The number of one text in a column: the same in all of them, one of a list, or that of an earlier
// column and something more.
const numberOf = (columns, place, item) => {
  const column = columns[place];
  if (typeof column === "string") return column;
  if (typeof column[0] === "number") return String(Number(numberOf(columns, column[0], item)) + column[1]);
  if (typeof column[0] === "string") column[0] = column[0].split(" ");
  return column[0][item];
};

const textAt = async (number, item) => {
  for (const { w: words, n: texts, c: columns } of await chunk(number)) {
    if (item >= texts) {
      item -= texts;
      continue;
    }
    let text = words[0];
    for (let place = 1; place < words.length; place++) text += numberOf(columns, place - 1, item) + words[place];
    return text;
  }
  throw new Error("the page is incomplete");
};

// Times are in microseconds; -1 is none.
const duration = (micros) => {
  if (micros < 0) return "-";
  if (micros < 1e3) return `${micros} µs`;
  if (micros < 1e6) return `${(micros / 1e3).toFixed(1)} ms`;
  if (micros < 6e7) return `${(micros / 1e6).toFixed(2)} s`;
  const seconds = Math.floor(micros / 1e6);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
};

// The time of day, in UTC, or since the first connection where the capture has no clock.
const moment = (rows, micros) => {
  if (!meta.clock) return `${(micros / 1e6).toFixed(6)} s`;
  const time = rows.first + micros;
  const text = new Date(Math.floor(time / 1e3)).toISOString().slice(0, -1);
  const exact = text + String(((time % 1e3) + 1e3) % 1e3).padStart(3, "0");
  return meta.days ? exact.replace("T", " ") : exact.slice(11);
};

const counted = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

// An element with attributes, and with texts or elements inside; texts are never read as HTML.
const make = (name, attributes, ...inside) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...inside);
  return element;
};
