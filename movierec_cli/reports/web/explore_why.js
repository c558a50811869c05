// Why ----------------------------------------------------------------------------------------------
const signed = (value, digits) => { const text = rounded(value, digits); return text.startsWith("−") ? text : "+" + text; };
// Two, and more where the largest of the values would have one figure or none.
function digits_of(values) {
  const most = Math.max(...values.map(Math.abs), 0);
  return most && most < .1 ? Math.min(6, 1 - Math.floor(Math.log10(most))) : 2;
}

const reason = (name, measure, kind) => make("li", {class: kind}, make("span", {}, name), measure);

function reasons({score, average, first, n_others, of_others, rest}, whose) {
  const largest = Math.max(...first.map(one => Math.abs(one.contribution))) || 1, digits = digits_of([score - average, ...first.map(one => one.contribution)]);
  const alone = value => make("b", {class: "measure"}, signed(value, digits));
  const items = first.map(one => reason(link(one.row), bar(one.contribution / largest, signed(one.contribution, digits)), "movie"));
  if (n_others > 0) items.push(reason(whose.their + " other " + counted(n_others, data.noun), alone(of_others), "rest"));
  if (rest !== undefined) items.push(reason("what none of these accounts for", alone(rest), "rest"));
  const sentence = "For " + whose.them + " the average " + data.noun + " scores " + rounded(average, digits) + ", this one " + rounded(Math.abs(score - average), digits) + (score < average ? " less" : " more") + ". What " + whose.they + " " + whose.know + " that speaks for it:";
  const against = first.some(one => one.contribution < 0) ? [make("p", {class: "faint"}, "A grey bar speaks against it.")] : [];
  return make("div", {class: "why"}, make("p", {}, sentence), make("ul", {}, ...items), ...against);
}

const A_USER = {them: "them", their: "their", they: "they", know: data.has_ratings ? "rated" : "know"};
const YOU = {them: "you", their: "your", they: "you", know: "named"};

function with_why(one, whose, digits = 2) {
  if (!one.why) return movie_item(one.row, make("b", {}, number(one.value)));  // how often it was rated
  const button = make("button", {type: "button", "aria-expanded": "false"}, "why", make("span", {class: "heard"}, " " + named(one.row)));
  const item = movie_item(one.row, make("div", {class: "score"}, button, make("b", {}, rounded(one.value, digits))));
  button.addEventListener("click", async () => {
    const shown = item.querySelector(".why");
    button.setAttribute("aria-expanded", !shown);
    if (shown) shown.remove();
    else item.append(reasons(await one.why(), whose));
  });
  return item;
}
