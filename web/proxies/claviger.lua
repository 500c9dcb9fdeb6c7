-- Forward-auth by Claviger for HAProxy 2.6 and later. Load it in "global" by lua-load, and call it as
--   http-request lua.claviger http://127.0.0.1:8080/verify/ORGANIZATION/APPLICATION/API
-- It asks Claviger about each request. Who is let in goes on with Claviger's identity headers and without the
-- credential; everybody else gets Claviger's refusal; and nobody passes where Claviger does not answer. HAProxy goes
-- on with a request when a script fails, so the line after the call refuses all that this one did not let in:
--   http-request deny deny_status 503 unless { var(txn.claviger) -m str accepted }

local identity = {
  "x-auth-organization", "x-auth-application", "x-auth-kind", "x-auth-credential", "x-auth-label", "x-auth-subject", "x-auth-scope",
}
local credentials = { access_token = true, client_id = true, client_secret = true }
local overrides = {
  ["forwarded"] = true, ["x-real-ip"] = true, ["x-rewrite-url"] = true, ["x-http-method-override"] = true,
  ["x-http-method"] = true, ["x-method-override"] = true, ["authorization"] = true, ["proxy-authorization"] = true,
}
local unavailable = '{"status":503,"type":"urn:claviger:problem:unavailable","title":"Credentials cannot be checked now",'
  .. '"detail":"The proxy cannot reach Claviger. Try again in a moment."}'

-- ours says whether a header is Claviger's or the proxy's to set. Applications may fold names, so that X_Auth.Subject
-- arrives as X-Auth-Subject: whatever folds into one of these names goes.
local function ours(name)
  local folded = name:lower():gsub("[^%w]", "-")
  return overrides[folded] or folded:find("^x%-auth%-") or folded:find("^x%-forwarded%-") or folded:find("^x%-original%-")
end

-- values returns the lines of a header in order; HAProxy counts them from 0.
local function values(headers, name)
  local out, lines = {}, headers[name]
  local i = lines and lines[0] and 0 or 1
  while lines and lines[i] do
    out[#out + 1] = lines[i]
    i = i + 1
  end
  return out
end

-- without returns a query without the parameters that carry credentials; the rest stays as it was sent.
local function without(query)
  local kept = {}
  for pair in (query .. "&"):gmatch("([^&]*)&") do
    if not credentials[pair:match("^[^=]*")] then
      kept[#kept + 1] = pair
    end
  end
  return table.concat(kept, "&")
end

-- hop settles Connection and Upgrade: by Connection a caller could have an identity header removed on the way, and
-- over another protocol than WebSocket it would talk to the API past the proxy.
local function hop(txn, sent)
  local upgrade = values(sent, "upgrade")
  if #upgrade == 1 and upgrade[1]:lower() == "websocket" then
    txn.http:req_set_header("connection", "Upgrade")
  else
    txn.http:req_del_header("connection")
    txn.http:req_del_header("upgrade")
    txn.http:req_del_header("http2-settings")
  end
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status, body = body })
  for _, name in ipairs({ "www-authenticate", "retry-after", "content-type", "ratelimit", "ratelimit-policy" }) do
    for _, value in ipairs(values(headers, name)) do
      reply:add_header(name, value)
    end
  end
  reply:add_header("cache-control", "no-store")
  txn:done(reply)
end

local function claviger(txn, address)
  local sent, method, uri = txn.http:req_get_headers(), txn.sf:method(), txn.sf:pathq()
  local question = {
    ["authorization"] = values(sent, "authorization"), ["user-agent"] = values(sent, "user-agent"),
    ["x-original-method"] = { method }, ["x-original-uri"] = { uri }, ["x-forwarded-for"] = { txn.f:src() },
  }
  local answer = core.httpclient():get({ url = address, headers = question, timeout = 5000 })
  local status = answer and answer.status or 0
  if status == 403 and values(answer.headers, "x-auth-reason")[1] == "rate-limited" then
    status = 429
  end
  -- 400: Claviger's server takes no control characters in headers, HAProxy does.
  if status ~= 200 and status ~= 400 and status ~= 401 and status ~= 403 and status ~= 429 then
    return refuse(txn, 503, { ["retry-after"] = { "1" }, ["content-type"] = { "application/problem+json" } }, unavailable)
  elseif status ~= 200 then
    return refuse(txn, status, answer.headers, answer.body)
  end
  hop(txn, sent)
  for name in pairs(sent) do
    if ours(name) then
      txn.http:req_del_header(name)
    end
  end
  for _, name in ipairs(identity) do
    txn.http:req_set_header(name, values(answer.headers, name)[1] or "")
  end
  txn.http:req_set_header("x-forwarded-for", txn.f:src())
  if txn.sf:url():find("^%a+://") then
    txn.http:req_set_uri(uri) -- the absolute form, which applications may read in another way
  end
  local query = txn.sf:query()
  if query ~= without(query) then
    txn.http:req_set_query(without(query))
  end
  txn:set_var("txn.claviger", "accepted")
end

core.register_action("claviger", { "http-req" }, claviger, 1)
