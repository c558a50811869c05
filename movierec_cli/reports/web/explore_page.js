// Words and elements -------------------------------------------------------------------------------
const root = document.documentElement;
const style = name => getComputedStyle(root).getPropertyValue(name).trim();
const every = (selector, within = document) => [...within.querySelectorAll(selector)];

// Texts stand in a page as texts, whatever characters a title has.
function make(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content.filter(piece => piece !== undefined && piece !== "" && piece !== false));
  return element;
}

const number = value => value.toLocaleString("en");
const counted = (n, thing) => number(n) + " " + thing + (n === 1 ? "" : "s");
// With a minus that is as wide as a plus; "-0.00" is 0.
const rounded = (value, digits) => value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
const percent = share => Math.abs(share) < .005 ? "0 %" : Math.round(100 * share) + " %";

// A title of another direction does not turn round what stands beside it.
const named = row => movies.titles[row].trim() || "movie " + movies.ids[row];
const title = row => make("bdi", {}, named(row));
const genres_of = row => movies.genres[row].map(genre => data.genre_names[genre]);
const link = row => make("a", {href: "#movie=" + movies.ids[row]}, title(row));
const say = sentence => { document.getElementById("status").textContent = sentence; };
