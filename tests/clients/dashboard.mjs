// A person at the dashboard, in Debian's Chromium: every page and what can be done there, with and without scripts.
//
// Told on standard input where the dashboard is and what to sign in with; tells on standard output, in JSON, what went
// wrong on the way: violations of the pages' policy, messages of the console, requests elsewhere, and what axe finds.
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const told = JSON.parse(readFileSync(0, "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const seen = { console: [], elsewhere: [], axe: [], answers: [], steps: [] };
const VALUE = "postgres://web:correct-horse-battery-staple@db/app";

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  // Tests run as root, where Chromium has no sandbox of its own.
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});

function expect(true_, what) {
  if (!true_) throw new Error(what);
  seen.steps.push(what);
}

function watch(page) {
  page.on("console", (message) => {
    // That a form was refused, or a page is not there, is what the page itself says.
    const refused = /a status of (400|409) |ui\/nothing a status of 404 /.test(`${message.location().url} ${message.text()}`
      .replace("Failed to load resource: the server responded with ", ""));
    if (["error", "warning"].includes(message.type()) && !refused) seen.console.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.console.push(`${page.url()}: ${error}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== told.url) seen.elsewhere.push(request.url());
  });
  page.on("response", (response) => {
    if (response.status() >= 500) seen.answers.push(`${response.status()} ${response.url()}`);
  });
}

async function context(options) {
  const made = await browser.newContext({ viewport: LOOKS.light.size, ...options });
  const page = await made.newPage();
  watch(page);
  return page;
}

async function signIn(page) {
  await page.goto(`${told.url}/ui/sign-in`);
  await page.getByLabel("Token").fill(told.token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
}

// How a page may be looked at: as a person has set up the system, and on how large a screen. Transitions would only be in the way.
const LOOKS = {
  light: { colorScheme: "light", size: { width: 1280, height: 800 } },
  dark: { colorScheme: "dark", size: { width: 1280, height: 800 } },
  narrow: { colorScheme: "light", size: { width: 360, height: 740 } },
  wide: { colorScheme: "light", size: { width: 2560, height: 1200 } },
};
// What another look may change.
const SEEN = { type: "rule", values: ["color-contrast", "scrollable-region-focusable", "target-size"] };

// Looks at a page in each way, and takes a picture of each. Playwright's own evaluation is not bound by the page's policy.
async function look(page, name) {
  await page.evaluate(axe);
  for (const [way, { colorScheme, size }] of Object.entries(LOOKS)) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize(size);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) seen.axe.push(`${page.url()}: ${way}: ${wide}px wider than the window`);
    if (way === "wide") continue;
    await accessibility(page, way);
    if (told.screenshots) await picture(page, `${name}-${way}`, size);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize(LOOKS.light.size);
}

async function accessibility(page, way) {
  const options = { resultTypes: ["violations"], ...(way === "light" ? {} : { runOnly: SEEN }) };
  const found = await page.evaluate((options) => window.axe.run(document, options), options);
  for (const { id, impact, nodes } of found.violations) {
    if (["serious", "critical"].includes(impact)) {
      seen.axe.push(`${page.url()}: ${way}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
    }
  }
}

async function picture(page, name, size) {
  mkdirSync(told.screenshots, { recursive: true });
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width: size.width, height: Math.min(1100, Math.max(size.height, height)) };
  await page.screenshot({ path: `${told.screenshots}/${name}.png`, clip, fullPage: true });
}

// Every page, by its address.
async function tour(page, each) {
  const pages = {
    overview: "/ui/", secrets: "/ui/secrets", secret: `/ui/secrets/${told.secret}`, new: "/ui/secrets/new",
    set: `/ui/secrets/${told.secret}/set`, delete: `/ui/secrets/${told.secret}/delete`, use: "/ui/use", audit: "/ui/audit",
    entry: "/ui/audit/3", tokens: "/ui/tokens", "new-token": "/ui/tokens/new", instances: "/ui/instances",
    instance: `/ui/instances/${told.instances.stays}`, devboxes: "/ui/devboxes", devbox: "/ui/devboxes/api", session: "/ui/session",
  };
  for (const [name, path] of Object.entries(pages)) {
    const answer = await page.goto(told.url + path);
    expect(answer.status() === 200, `${name} is there`);
    await each(name);
  }
}

// Pages that one comes to by doing something.
async function afterwards(page) {
  await page.goto(`${told.url}/ui/secrets/${told.revealable}`);
  await page.getByRole("button", { name: "Reveal the value" }).click();
  await page.locator("#secret-value").waitFor();
  await look(page, "value");
  await page.goto(`${told.url}/ui/secrets/${told.secret}/set`);
  await page.getByLabel("New value", { exact: true }).fill("what I would have it be");
  const other = await page.context().newPage();
  watch(other);
  await other.goto(page.url());
  await other.getByLabel("New value", { exact: true }).fill("what another has it be");
  await other.getByRole("button", { name: /^Store in place of/ }).click();
  await other.getByRole("status").waitFor();
  await other.close();
  await page.getByRole("button", { name: /^Store in place of/ }).click();
  await page.getByText("Somebody was quicker").waitFor();
  expect(!(await page.content()).includes("would have it be"), "what was typed is in no page");
  await look(page, "conflict");
  await page.goto(`${told.url}/ui/tokens/new`);
  await page.getByLabel("Name").fill("web-node");
  await page.getByRole("group", { name: "Secrets", exact: true }).getByLabel("inject").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  await page.locator("#token").waitFor();
  await look(page, "token");
  await page.goto(`${told.url}/ui/nothing`);
  await look(page, "fault");
}

// What is shown once the browser has made up its mind.
async function settled(page) {
  for (;;) {
    await page.waitForLoadState();
    const text = await page.content().catch(() => undefined);
    if (text !== undefined) return text;
  }
}

// What people do, by labels and buttons alone.
async function work(page, scripted) {
  const heading = (name) => page.getByRole("heading", { name }).waitFor();
  await page.goto(`${told.url}/ui/secrets`);
  await page.getByRole("link", { name: "New secret" }).first().click();
  if (scripted) {
    await page.getByRole("button", { name: "Show what I type" }).click();
    expect(!(await page.getByLabel("Value", { exact: true }).getAttribute("class")), "what is typed can be shown");
  }
  await page.getByLabel("Value", { exact: true }).fill(VALUE);
  await page.getByLabel("Description").fill("The web's database");
  await page.getByLabel("Labels").fill("no label");
  await page.getByLabel(/Whoever has a grant/).check();
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByRole("alert").waitFor();
  expect((await page.getByLabel("Description").inputValue()) === "The web's database", "what was typed is kept");
  expect(!(await page.content()).includes("correct-horse"), "but for the value, which is in no page");
  await page.getByLabel("Labels").fill("env=prod\nteam=web");
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByRole("status").waitFor();
  const address = new URL(page.url()).pathname;
  const id = address.split("/").pop();
  await page.getByRole("button", { name: "Reveal the value" }).click();
  expect((await page.locator("#secret-value").textContent()) === VALUE, "the kept value is the one that was typed");
  if (scripted) {
    await page.getByRole("button", { name: "Copy the value" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect((await page.evaluate(() => navigator.clipboard.readText())) === VALUE, "it can be copied");
  }
  await page.getByRole("link", { name: "Hide it now" }).click();
  expect((await page.locator("#secret-value").count()) === 0, "it can be hidden");
  await page.goBack().catch(() => {});
  expect(!(await settled(page)).includes("correct-horse"), "going back does not show it");
  await page.goto(told.url + address);
  await page.getByRole("link", { name: "New version" }).click();
  await page.getByLabel("… or from a file").setInputFiles({ name: "<img src=x>.txt", mimeType: "text/plain", buffer: Buffer.from("from a file") });
  await page.getByRole("button", { name: "Store in place of version 1" }).click();
  await page.getByRole("status").waitFor();
  await page.goto(`${told.url}/ui/secrets`);
  await page.getByLabel("Search").fill("web's database");
  if (!scripted) await page.getByRole("button", { name: "Search" }).click();
  // Others go as the list is searched while one types.
  await page.waitForFunction(() => document.querySelectorAll("#list tbody tr").length < 3);
  expect((await page.locator("#list").textContent()).includes(id), "it is found");
  await page.goto(`${told.url}/ui/secrets`);
  await page.getByRole("link", { name: "Last access" }).click();
  await page.locator("th[aria-sort=descending]", { hasText: "Last access" }).waitFor();
  expect((await page.locator("#list tbody tr").first().textContent()).includes(id), "what was revealed last is first");
  await page.getByLabel("Order").selectOption("By description");
  if (!scripted) await page.getByRole("button", { name: "Search" }).click();
  await page.locator("th[aria-sort=ascending]", { hasText: "Description" }).waitFor();
  await page.getByRole("link", { name: "env=prod" }).first().click();
  await page.getByRole("link", { name: "Remove the filter env=prod" }).waitFor();
  await page.goto(`${told.url + address}/delete`);
  await page.getByLabel(/^Type/).fill(id);
  await page.getByRole("button", { name: "Delete for ever" }).click();
  await page.getByText("What is left is what it was called").waitFor();
  await page.goto(`${told.url}/ui/tokens/new`);
  await page.getByLabel("Name").fill(scripted ? "with-scripts" : "without-scripts");
  await page.getByRole("group", { name: "Secrets", exact: true }).getByLabel("inject").check();
  await page.getByRole("button", { name: "Make the token" }).click();
  expect((await page.locator("#token").textContent()).startsWith("amp_"), "a token is shown");
  await page.getByRole("link", { name: "I have it" }).click();
  await page.getByRole("link", { name: /^Revoke with/ }).first().click();
  await page.getByRole("button", { name: "Revoke it" }).click();
  await page.getByRole("status").waitFor();
  await page.goto(`${told.url}/ui/audit?action=vault.object.reveal`);
  await page.getByRole("link", { name: /^Entry/ }).first().click();
  await heading("That it is in the log");
  await page.goto(`${told.url}/ui/audit`);
  await page.getByRole("button", { name: "Check every entry now" }).click();
  await page.getByText("was computed anew").waitFor();
  if (scripted) {
    const newest = await page.locator("#entries tbody tr").first().textContent();
    const other = await context();
    await signIn(other);
    await other.context().close();
    await page.waitForFunction((was) => document.querySelector("#entries tbody tr").textContent !== was, newest);
    expect(true, "the log is followed");
  }
  const waits = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export these" }).click();
  expect((await waits).suggestedFilename() === "audit.jsonl", "the log can be taken along");
}

// What people do with containers that run.
async function containers(page, scripted) {
  await page.goto(`${told.url}/ui/instances`);
  await page.getByRole("link", { name: told.instances[scripted ? "scripted" : "plain"] }).click();
  await page.getByText("RUNNING", { exact: true }).waitFor();
  const log = page.locator("pre.log");
  if (scripted) {
    const lines = (await log.textContent()).split("\n").length;
    await page.waitForFunction((n) => document.querySelector("pre.log").textContent.split("\n").length > n, lines);
    expect(/^job \| \S+Z request \d+ was answered$/m.test(await log.textContent()), "what it prints comes as it is printed");
  } else {
    expect((await log.textContent()).includes("request 1 was answered"), "what it has printed is there");
  }
  const destroy = page.getByRole("button", { name: "Destroy" });
  await destroy.click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel(/Its containers are stopped and removed/).check();
  await destroy.click();
  await page.getByText("DESTROYED", { exact: true }).waitFor();
  expect((await destroy.count()) === 0, "what is destroyed can't be destroyed again");
  await page.goto(`${told.url}/ui/devboxes`);
  const name = scripted ? "with-scripts" : "without-scripts";
  await page.getByRole("link", { name, exact: true }).click();
  const badge = (text) => page.locator(".head .badge", { hasText: text });
  await badge("RUNNING").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await badge("SUSPENDED").waitFor();
  expect((await page.getByRole("button", { name: "Stop" }).count()) === 0, "what is stopped can't be stopped again");
  await page.getByRole("button", { name: "Start" }).click();
  // Its state comes by itself, with scripts.
  while (!scripted && (await badge("RUNNING").count()) === 0) {
    await page.reload();
  }
  await badge("RUNNING").waitFor();
  await page.getByLabel(/^Type/).fill("another");
  await page.getByRole("button", { name: "Remove with its files" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel(/^Type/).fill(name);
  await page.getByRole("button", { name: "Remove with its files" }).click();
  await page.getByRole("status").waitFor();
  expect((await page.getByRole("link", { name, exact: true }).count()) === 0, "it is removed");
}

// The keyboard alone: the first stop leads past the navigation, and where one is can be seen.
async function keyboard(page) {
  await page.goto(`${told.url}/ui/secrets`);
  await page.keyboard.press("Tab");
  expect((await page.evaluate(() => document.activeElement.textContent)) === "Skip to the content", "one can skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  expect(outline === "solid", "the focus is seen");
}

try {
  let page = await context({ permissions: ["clipboard-read", "clipboard-write"] });
  // The link counts for a minute.
  await page.goto(told.link);
  await look(page, "link");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("link", { name: /^user:/ }).click();
  await page.getByRole("button", { name: "End all of my sessions" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await look(page, "sign-in");
  await signIn(page);
  await work(page, true);
  await containers(page, true);
  await keyboard(page);
  await afterwards(page);
  await tour(page, (name) => look(page, name));
  page = await context({ javaScriptEnabled: false });
  await signIn(page);
  await work(page, false).catch((error) => { throw new Error(`without scripts: ${error.message}`); });
  await containers(page, false).catch((error) => { throw new Error(`without scripts: ${error.message}`); });
  await tour(page, () => {});
  seen.done = true;
} catch (error) {
  seen.error = `${error.message}\n${error.stack}`;
}
await browser.close();
console.log(JSON.stringify(seen));
