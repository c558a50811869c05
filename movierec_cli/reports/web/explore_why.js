// Why ----------------------------------------------------------------------------------------------
const signed = value => { const text = rounded(value, 2); return text.startsWith("−") ? text : "+" + text; };

const reason = (name, measure, kind) => make("li", {class: kind}, make("span", {}, name), measure);

function reasons({score, average, first, n_others, of_others, rest}) {
  const largest = Math.max(...first.map(one => Math.abs(one.contribution))) || 1, alone = value => make("b", {class: "measure"}, signed(value));
  const items = first.map(one => reason(link(one.row), bar(one.contribution / largest, signed(one.contribution)), "movie"));
  if (n_others) items.push(reason("their other " + counted(n_others, data.noun), alone(of_others), "rest"));
  if (rest !== undefined) items.push(reason("what none of these accounts for", alone(rest), "rest"));
  const sentence = "For them the average " + data.noun + " has " + rounded(average, 2) + ", this one " + rounded(Math.abs(score - average), 2) + (score < average ? " less" : " more") + ". What they " + (data.has_ratings ? "rated" : "know") + " that speaks for it:";
  return make("div", {class: "why"}, make("p", {}, sentence), make("ul", {}, ...items));
}

function with_why(user, one) {
  if (!has_reasons(user)) return movie_item(one.row, make("b", {}, number(one.value)));  // how often it was rated
  const button = make("button", {type: "button", "aria-expanded": "false"}, "why", make("span", {class: "heard"}, " " + named(one.row)));
  const item = movie_item(one.row, make("div", {class: "score"}, button, make("b", {}, rounded(one.value, 2))));
  button.addEventListener("click", () => {
    const shown = item.querySelector(".why");
    if (shown) shown.remove();
    else item.append(reasons(explained(user, one.row)));
    button.setAttribute("aria-expanded", !shown);
  });
  return item;
}
