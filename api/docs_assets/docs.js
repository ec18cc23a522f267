"use strict";

const VERBS = ["get", "post", "put", "patch", "delete"];
const byId = (id) => document.getElementById(id);

/** Makes an element; children are elements or text, never markup. */
function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

/** Splits text at backticks and shows what they hold as code. */
function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));
}

function paragraphs(text) {
  return (text ?? "").split(/\n\n+/).filter(Boolean).map((part) => make("p", {}, prose(part)));
}

/** Follows a local reference of the document. */
function followed(root, value) {
  let found = value;
  while (found && found.$ref) {
    found = found.$ref.slice(2).split("/").reduce((place, name) => place[name], root);
  }
  return found ?? {};
}

/** Says in words what a schema allows. */
function kindOf(root, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => kindOf(root, choice)).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kindOf(root, schema.items ?? {})}`;
  const values = schema.additionalProperties;
  if (schema.type === "object" && values && values !== true) return `map to ${kindOf(root, values)}`;
  const bounds = [
    schema.minimum !== undefined ? `≥ ${schema.minimum}` : "",
    schema.maximum !== undefined ? `≤ ${schema.maximum}` : "",
    schema.maxLength !== undefined ? `at most ${schema.maxLength} characters` : "",
  ].filter(Boolean);
  return [schema.format ?? schema.type ?? "anything", ...bounds].join(", ");
}

/** Lists the fields of a schema, those of schemas that it names under it. */
function fieldsOf(root, schema, seen = []) {
  const name = schema.$ref;
  const whole = followed(root, schema);
  if (name && seen.includes(name)) return [];
  const path = name ? [...seen, name] : seen;
  const inner = [...(whole.anyOf ?? []), whole.items, whole.additionalProperties].filter(
    (part) => part && typeof part === "object",
  );
  if (!whole.properties) return inner.flatMap((part) => fieldsOf(root, part, path));
  const required = new Set(whole.required ?? []);
  const rows = Object.entries(whole.properties).map(([field, shape]) =>
    make("tr", {}, make("td", {}, make("code", {}, field)), make("td", {}, kindOf(root, shape)),
      make("td", {}, required.has(field) ? "always" : "may be absent")),
  );
  const table = make("table", {}, make("thead", {}, make("tr", {}, ["field", "type", ""].map(
    (head) => make("th", { scope: "col" }, head)))), make("tbody", {}, rows));
  const more = Object.values(whole.properties).flatMap((part) => fieldsOf(root, part, path));
  return [make("h3", {}, name ? name.split("/").pop() : "Fields"), ...paragraphs(whole.description),
    table, ...more];
}

function examplesOf(media) {
  if (media.example !== undefined) return [["", media.example]];
  return Object.entries(media.examples ?? {}).map(([name, one]) => [name, one.value]);
}

function shown(value) {
  return make("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function contentOf(root, content) {
  const kinds = Object.keys(content ?? {});
  if (!kinds.length) return [];
  const media = content[kinds[0]];
  return [make("p", { class: "hint" }, kinds.join(" or ")),
    ...examplesOf(media).flatMap(([, value]) => shown(value)), ...fieldsOf(root, media.schema ?? {})];
}

function answersOf(root, operation) {
  return Object.entries(operation.responses).map(([status, given]) => {
    const answer = followed(root, given);
    const head = make("summary", {}, make("code", {}, status), " ", prose(answer.description));
    const body = contentOf(root, answer.content);
    return make("details", { open: status < "300" }, head, body.length ? body : make("p", {}, "No body."));
  });
}

function parametersOf(root, parameters) {
  if (!parameters.length) return [];
  const rows = parameters.map((one) => make("tr", {}, make("td", {}, make("code", {}, one.name)),
    make("td", {}, one.in), make("td", {}, kindOf(root, one.schema)),
    make("td", {}, prose(one.description ?? ""))));
  return [make("h3", {}, "Parameters"), make("table", {}, make("tbody", {}, rows))];
}

/** Asks the server for what the form says, and shows the answer. */
async function send(verb, path, operation, form, output) {
  const headers = {};
  const query = new URLSearchParams();
  let address = path;
  for (const one of operation.parameters ?? []) {
    const value = form.elements.namedItem(`${one.in}.${one.name}`).value;
    if (one.in === "path") address = address.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (value && one.in === "query") query.append(one.name, value);
    else if (value) headers[one.name] = value;
  }
  if (byId("key").value && operation.security) headers.Authorization = `Bearer ${byId("key").value}`;
  const body = form.elements.namedItem("body")?.value || undefined;
  if (body) headers["Content-Type"] = Object.keys(operation.requestBody.content)[0];
  output.replaceChildren(make("p", {}, "Asking …"));
  try {
    const asked = address.slice(1) + (query.size ? `?${query}` : "");
    const answer = await fetch(asked, { method: verb.toUpperCase(), headers, body, credentials: "omit" });
    const text = await answer.text();
    const json = (answer.headers.get("content-type") ?? "").includes("json");
    output.replaceChildren(make("p", {}, `${answer.status} ${answer.statusText}`),
      shown(text && json ? JSON.parse(text) : text || "No body."));
  } catch (error) {
    output.replaceChildren(make("p", {}, String(error)));
  }
}

function tryForm(verb, path, operation) {
  const field = (one) => {
    const name = `${one.in}.${one.name}`;
    const value = one.name === "project_id" ? "@current" : undefined;
    return make("label", {}, `${one.name} (${one.in})`, make("input", { name, value, required: one.required }));
  };
  const content = operation.requestBody?.content;
  const example = content && examplesOf(Object.values(content)[0])[0]?.[1];
  const body = content && make("label", {}, "body", make("textarea", { name: "body", rows: 8 },
    typeof example === "string" ? example : JSON.stringify(example, null, 2)));
  const output = make("div", { "aria-live": "polite" });
  const form = make("form", {}, (operation.parameters ?? []).map(field), body,
    make("button", { type: "submit" }, "Send"), output);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(verb, path, operation, form, output);
  });
  return make("details", {}, make("summary", {}, "Try it"), form);
}

function operationOf(root, verb, path, operation) {
  const scope = operation["x-required-scope"];
  const head = make("summary", {}, make("span", { class: `verb ${verb}` }, verb.toUpperCase()),
    make("span", { class: "path" }, path), " ", scope ? make("span", { class: "badge" }, scope) : "",
    make("span", { class: "brief" }, prose(operation.summary)));
  const made = make("details", { class: "operation", id: operation.operationId }, head);
  const fill = () => {
    if (!made.open || made.children.length > 1) return;
    const body = contentOf(root, operation.requestBody?.content);
    made.append(make("div", {}, paragraphs(operation.description),
      parametersOf(root, operation.parameters ?? []), body.length ? make("h3", {}, "Body") : "", body,
      make("h3", {}, "Answers"), answersOf(root, operation), tryForm(verb, path, operation)));
  };
  made.addEventListener("toggle", fill);
  made.dataset.words = [verb, path, operation.operationId, operation.summary].join(" ").toLowerCase();
  return made;
}

function show(root) {
  byId("title").textContent = `${root.info.title} ${root.info.version}: HTTP API`;
  byId("about").replaceChildren(...prose(root.info.description ?? ""));
  const listed = Object.entries(root.paths).flatMap(([path, item]) =>
    VERBS.filter((verb) => item[verb]).map((verb) => [verb, path, item[verb]]));
  const sections = root.tags.map((tag) => make("section", { id: `tag-${tag.name}` },
    make("h2", {}, tag.name), paragraphs(tag.description),
    listed.filter(([, , one]) => one.tags.includes(tag.name)).map((one) => operationOf(root, ...one))));
  byId("operations").replaceChildren(...sections.filter((one) => one.querySelector(".operation")));
  byId("contents").replaceChildren(...[...byId("operations").children].map((section) =>
    make("li", {}, make("a", { href: `#${section.id}` }, section.id.slice(4)))));
  openLinked();
}

/** Opens the operation that the address names. */
function openLinked() {
  const linked = byId(decodeURIComponent(location.hash.slice(1)));
  if (linked?.matches(".operation")) linked.open = true;
  linked?.scrollIntoView();
}

function filter() {
  const words = byId("filter").value.toLowerCase().split(/\s+/);
  for (const section of byId("operations").children) {
    const found = [...section.querySelectorAll(".operation")].filter((one) => {
      one.hidden = !words.every((word) => one.dataset.words.includes(word));
      return !one.hidden;
    });
    section.hidden = !found.length;
  }
}

byId("credentials").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", filter);
addEventListener("hashchange", openLinked);
fetch("openapi.json").then((answer) => answer.json()).then(show).catch((error) => {
  byId("operations").replaceChildren(make("p", {}, `The document cannot be shown: ${error}`));
});
