const make = (name, attributes, ...content) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
};
// What stands between backticks is code; a long path may be broken before each of its parts.
const told = text => (text || "").split("`").map((piece, n) => n % 2 ? make("code", {}, piece) : piece);
const breakable = path => path.split(/(?=\/)/).flatMap(part => [make("wbr", {}), part]);
const place = document.getElementById("operations");

function kind_of(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind_of).filter(kind => kind !== "null").join(" or ");
  if (schema.type === "array") return "list of " + kind_of(schema.items);
  const bounds = [schema.minimum, schema.maximum].some(one => one !== undefined) ? " " + schema.minimum + " to " + schema.maximum : "";
  return (schema.type || "any") + bounds;
}

const row = (name, schema, about, needed) => make("tr", {}, make("th", {scope: "row"}, name), make("td", {}, kind_of(schema) + (needed ? "" : schema.default !== undefined ? ", by default " + JSON.stringify(schema.default) : ", may be left out")), make("td", {}, ...told(about)));

function fields(schema, every) {
  const table = make("table", {}), needed = schema.required || [];
  for (const [name, one] of Object.entries(schema.properties || {})) table.append(row(name, one, one.description || (one.items && one.items.description), needed.includes(name)));
  return table;
}

function operation(method, path, one, schemas) {
  const about = make("section", {}, make("h2", {}, make("b", {}, method.toUpperCase()), " ", ...breakable(path)), make("p", {}, ...told(one.description || one.summary)));
  const parameters = make("table", {});
  for (const each of one.parameters || []) parameters.append(row(each.name + " (" + each.in + ")", each.schema, each.description || each.schema.description, each.required));
  if (parameters.childElementCount) about.append(parameters);
  const body = one.requestBody && one.requestBody.content["application/json"].schema;
  if (body) about.append(make("p", {}, "The body:"), fields(schemas[kind_of(body)]), make("pre", {}, "curl -H 'content-type: application/json' " + location.origin + path.replace("{model}", "default") + " -d '{\"liked\": [1, 260], \"top\": 5, \"why\": true}'"));
  else if (method === "get") about.append(make("pre", {}, "curl '" + location.origin + path.replace("{model}", "default").replace(/\{\w+\}/g, "1") + (path.endsWith("/movies") ? "?search=toy" : "") + "'"));
  return about;
}

fetch("/api/openapi.json").then(response => response.json()).then(({paths, components}) => {
  for (const [path, methods] of Object.entries(paths)) for (const [method, one] of Object.entries(methods)) place.append(operation(method, path, one, components.schemas));
  const rating = components.schemas.Rating;
  place.append(make("h2", {}, "Rating"), fields(rating));
}).catch(() => place.append(make("p", {}, "The server does not answer.")));
