// Runs clients of npm that people already have against a real Claviger, unchanged.
// See README.md; `make compat` starts it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const packages = {
  oauth4webapi: "3.8.8", "openid-client": "6.8.9", "simple-oauth2": "5.1.0", usergrid: "0.10.11", "jira.js": "5.4.0",
};
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "claviger-test", "compat");
const email = "mia+compat@acme.example", password = "correct horse battery staple", reason = "because a test needs it";

mkdirSync(cache, { recursive: true });
writeFileSync(join(cache, "package.json"), '{"private":true}\n');
execFileSync("npm", [
  "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix", cache,
  ...Object.entries(packages).map(([name, version]) => `${name}@${version}`),
], { cwd: cache, stdio: ["ignore", "ignore", "inherit"] });
const load = createRequire(join(cache, "package.json"));
const module = (path) => import(pathToFileURL(join(cache, "node_modules", path)));

const binary = join(cache, "claviger");
execFileSync("go", ["build", "-o", binary, "./cmd/claviger"], { cwd: root, env: { ...process.env, CGO_ENABLED: "0" }, stdio: "inherit" });

const dir = mkdtempSync(join(tmpdir(), "claviger-compat-"));
const consoleURL = `http://127.0.0.1:${await freePort()}`, gatewayURL = `http://127.0.0.1:${await freePort()}`;
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CLAVIGER_")));
Object.assign(env, {
  CLAVIGER_SERVER_LISTEN: new URL(consoleURL).host, CLAVIGER_GATEWAY_LISTEN: new URL(gatewayURL).host, CLAVIGER_SERVER_DATA_DIR: join(dir, "data"),
});

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function claviger(args, input = "") {
  return execFileSync(binary, args, { cwd: dir, env, input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] }).trim();
}

async function ready() {
  for (let i = 0; i < 200; i++) {
    try {
      if ((await fetch(consoleURL + "/readyz")).ok) return;
    } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("claviger serve does not become ready");
}

// prepare makes what all clients work with.
async function prepare() {
  claviger(["org", "add", "acme"]);
  claviger(["app", "add", "acme/orders"]);
  claviger(["api", "add", "acme/orders/backend", "--upstream", "builtin:echo"]);
  claviger(["app", "set", "acme/orders", "--password-grant", "on", "--query-credentials", "on", "--default-api", "backend", "--reason", reason]);
  claviger(["user", "add", email, "--org", "acme", "--role", "member"], password + "\n");
  const [id, secret] = claviger(["client", "create", "acme/orders", "--reason", reason]).split(":");
  return { id, secret, personal: await personalToken() };
}

// personalToken makes one as a person does, with the forms of the console.
async function personalToken() {
  const post = (path, fields, headers = {}) => fetch(consoleURL + path, { method: "POST", redirect: "manual", headers, body: new URLSearchParams(fields) });
  const signedIn = await post("/sign-in", { email, password });
  const cookie = signedIn.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const page = await (await post("/profile/tokens", { label: "laptop", organization: "acme", expires: "30d" }, { cookie })).text();
  return page.match(/clavp_[0-9A-Za-z]{38}/)[0];
}

// seen calls the API with a token and returns the identity that the upstream sees.
async function seen(token) {
  const response = await fetch(gatewayURL + "/acme/orders/backend/x", { headers: { Authorization: "Bearer " + token } });
  return response.ok ? (await response.json()).headers["X-Auth-Kind"][0] : response.status;
}

const trials = {
  async oauth4webapi({ id, secret }) {
    const o = await module("oauth4webapi/build/index.js");
    const options = { [o.allowInsecureRequests]: true };
    const issuer = new URL(consoleURL);
    const as = await o.processDiscoveryResponse(issuer, await o.discoveryRequest(issuer, { algorithm: "oauth2", ...options }));
    const client = { client_id: id };
    for (const auth of [o.ClientSecretBasic(secret), o.ClientSecretPost(secret)]) {
      const granted = await o.processClientCredentialsResponse(as, client, await o.clientCredentialsGrantRequest(as, client, auth, { scope: "*:read" }, options));
      assert.equal(granted.scope, "*:read");
      assert.equal(await seen(granted.access_token), "access-token");
      const told = await o.processIntrospectionResponse(as, client, await o.introspectionRequest(as, client, auth, granted.access_token, options));
      assert.equal(told.active, true);
      assert.equal(told.client_id, id);
      await o.processRevocationResponse(await o.revocationRequest(as, client, auth, granted.access_token, options));
      assert.equal(await seen(granted.access_token), 401);
      const gone = await o.processIntrospectionResponse(as, client, await o.introspectionRequest(as, client, auth, granted.access_token, options));
      assert.deepEqual(gone, { active: false });
      const byPassword = await o.genericTokenEndpointRequest(as, client, auth, "password", { username: email, password }, options);
      assert.equal(await seen((await o.processGenericTokenEndpointResponse(as, client, byPassword)).access_token), "access-token");
    }
    const wrong = await o.clientCredentialsGrantRequest(as, client, o.ClientSecretBasic("wrong"), {}, options);
    await assert.rejects(o.processClientCredentialsResponse(as, client, wrong), (e) => e instanceof o.WWWAuthenticateChallengeError || e.error === "invalid_client");
    const resource = await o.protectedResourceRequest(secret, "GET", new URL(gatewayURL + "/acme/orders/backend/x"), undefined, null, options).catch((e) => e);
    assert.ok(resource instanceof o.WWWAuthenticateChallengeError, "the API's challenge cannot be parsed");
  },

  async "openid-client"({ id, secret }) {
    const c = await module("openid-client/build/index.js");
    for (const auth of [c.ClientSecretBasic(secret), c.ClientSecretPost(secret)]) {
      const config = await c.discovery(new URL(consoleURL), id, undefined, auth, { algorithm: "oauth2", execute: [c.allowInsecureRequests] });
      const granted = await c.clientCredentialsGrant(config, { scope: "*:read *:write" });
      assert.equal(granted.expiresIn() > 0, true);
      assert.equal((await c.fetchProtectedResource(config, granted.access_token, new URL(gatewayURL + "/acme/orders/backend/x"), "POST")).status, 200);
      assert.equal((await c.tokenIntrospection(config, granted.access_token)).active, true);
      await c.tokenRevocation(config, granted.access_token);
      assert.equal((await c.tokenIntrospection(config, granted.access_token)).active, false);
      assert.equal(await seen((await c.genericGrantRequest(config, "password", { username: email, password })).access_token), "access-token");
      await assert.rejects(c.genericGrantRequest(config, "password", { username: email, password: "wrong" }), { error: "invalid_grant" });
    }
  },

  async "simple-oauth2"({ id, secret }) {
    const { ClientCredentials, ResourceOwnerPassword } = load("simple-oauth2");
    for (const base of [consoleURL, gatewayURL]) {
      for (const authorizationMethod of ["header", "body"]) {
        const config = { client: { id, secret }, auth: { tokenHost: base }, options: { authorizationMethod } };
        const granted = await new ClientCredentials(config).getToken({ scope: "*:read" });
        assert.equal(await seen(granted.token.access_token), "access-token");
        assert.equal(granted.expired(), false);
        await granted.revoke("access_token");
        assert.equal(await seen(granted.token.access_token), 401);
        const person = await new ResourceOwnerPassword(config).getToken({ username: email, password });
        assert.equal(await seen(person.token.access_token), "access-token");
        await assert.rejects(new ResourceOwnerPassword(config).getToken({ username: email, password: "wrong" }), (e) => e.data.payload.error === "invalid_grant");
      }
    }
  },

  async usergrid({ id, secret }) {
    const Client = load("usergrid").client;
    const person = new Client({ URI: gatewayURL, orgName: "acme", appName: "orders", authType: "APP_USER" });
    const call = (client, method, ...args) => new Promise((resolve, reject) => client[method](...args, (failed, data) => (failed ? reject(data) : resolve(data))));
    const login = await call(person, "login", email, password);
    assert.equal(login.user.username, email);
    const collection = await call(person, "createCollection", { type: "things", qs: { limit: 3 } });
    assert.equal(collection._type, "things");
    const data = await call(person, "request", { method: "GET", endpoint: "things", qs: { limit: 3 } });
    assert.deepEqual([data.path, data.query, data.headers["X-Auth-Kind"][0]], ["/things", "limit=3", "access-token"]);
    const machine = new Client({ URI: gatewayURL, orgName: "acme", appName: "orders", authType: "CLIENT_ID", clientId: id, clientSecret: secret });
    const posted = await call(machine, "request", { method: "POST", endpoint: "things", body: { a: 1 } });
    assert.deepEqual([posted.method, posted.query, posted.body, posted.headers["X-Auth-Kind"][0]], ["POST", "", '{"a":1}', "client"]);
    const wrong = new Client({ URI: gatewayURL, orgName: "acme", appName: "orders", authType: "APP_USER" });
    await assert.rejects(call(wrong, "login", email, "wrong"), { error: "invalid_grant" });
  },

  async "jira.js"({ personal }) {
    const { Version3Client } = load("jira.js");
    const make = (apiToken) => new Version3Client({ host: gatewayURL + "/acme/orders", authentication: { basic: { email, apiToken } } });
    const data = await make(personal).myself.getCurrentUser();
    assert.deepEqual([data.headers["X-Auth-Kind"][0], data.headers["X-Auth-Subject"][0]], ["personal", email]);
    await assert.rejects(make("wrong").myself.getCurrentUser());
  },
};

const server = spawn(binary, ["serve"], { cwd: dir, env, stdio: "ignore" });
let failures = 0;
try {
  await ready();
  const made = await prepare();
  for (const [name, trial] of Object.entries(trials)) {
    try {
      await trial(made);
      console.log(`ok    ${name} ${packages[name]}`);
    } catch (e) {
      failures++;
      console.log(`FAIL  ${name} ${packages[name]}:`, e);
    }
  }
} finally {
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  await ended;
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = failures ? 1 : 0;
