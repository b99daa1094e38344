-- What a decision needs to know of a request's body, read before authz is asked and handed to it as the metadata
-- `maas.request`, strings only. Three outcomes: `malformed` with the reason; `content_type` when there may be a body
-- that was not read; else `bytes`, those of FIELDS that are there, and `prompts`, how many, when there are several. A
-- request that can have no body gets none.
local SPACE_NAME = 'maas.request'
local HAS_BODY = { POST = true, PUT = true, PATCH = true }
local MAX_VALUE_BYTES = 1024 -- no field that is read here is longer in earnest; keeps Check small

local function model(raw)
  local text = json.text(raw)
  if text and text ~= '' and not text:find('[^\32-\126]') then
    return text
  end
  return nil, 'must be the name of a model: a string of printable ASCII characters'
end

local function flag(raw)
  if raw == 'true' or raw == 'false' then
    return raw
  end
  return nil, 'must be true or false'
end

local function count(raw)
  if raw:find('^%d+$') and #raw <= 15 then
    return raw
  end
  return nil, 'must be a whole number, 0 or more'
end

-- llama.cpp's way to say "no cap" is a number below 0.
local function bound(raw)
  if raw:find('^%-?%d+$') and #raw <= 15 then
    return raw
  end
  return nil, 'must be a whole number'
end

local function options(raw)
  if raw:byte() ~= 123 then -- {
    return nil, 'must be an object'
  elseif raw:find('[^\32-\126\t\r\n]') then
    return nil, 'must be printable ASCII'
  end
  local members, why = json.members(raw)
  return members and raw, why and 'is not clear: ' .. why
end

local FIELDS = {
  { 'model', model },
  { 'stream', flag },
  { 'max_tokens', count },
  { 'max_completion_tokens', count },
  { 'max_output_tokens', count },
  { 'n_predict', bound },
  { 'n', count },
  { 'best_of', count },
  { 'n_cmpl', count },
  { 'stream_options', options },
}
local KNOWN = { prompt = true }
for _, field in ipairs(FIELDS) do
  KNOWN[field[1]] = true
end

-- A name as servers in Go see it: they ignore case, and take U+017F for s and U+212A for k.
local function folded(name)
  return (name:lower():gsub('\197\191', 's'):gsub('\226\132\170', 'k'))
end

-- The fields of a body as name -> string, or nil and the reason why it can't be judged.
local function read(body)
  local members, why = json.members(body)
  if not members then
    return nil, why
  end
  for name in pairs(members) do
    local plain = folded(name)
    if KNOWN[plain] and name ~= plain then
      return nil, ('the field "%s" must be written in lower-case ASCII letters'):format(plain)
    end
  end
  local found = { bytes = tostring(#body) }
  for _, field in ipairs(FIELDS) do
    local name, reader = field[1], field[2]
    local at = members[name]
    if at then
      if at[2] - at[1] >= MAX_VALUE_BYTES then
        return nil, ('the field "%s" is longer than %d bytes'):format(name, MAX_VALUE_BYTES)
      end
      local raw = body:sub(at[1], at[2])
      if raw ~= 'null' or name == 'model' then -- null is how clients write "not given"; a model must be given or left out
        found[name], why = reader(raw)
        if not found[name] then
          return nil, ('the field "%s" %s'):format(name, why)
        end
      end
    end
  end
  local prompt = members.prompt
  if prompt and body:byte(prompt[1]) == 91 then -- [: of token numbers is one prompt, of anything else one for each
    local texts = json.count_others(body:sub(prompt[1], prompt[2]))
    found.prompts = texts > 1 and tostring(texts) or nil
  end
  return found
end

-- Why a body that says it is JSON can't be read as the bytes that it is; nil when it can.
local function encoded(headers, parameters)
  local coding = headers:get('content-encoding')
  if coding and coding:lower() ~= 'identity' then
    return 'the body is compressed (content-encoding); send it as it is'
  end
  local charset = parameters:lower():match('charset%s*=%s*"?([^%s;"]*)')
  if charset and charset ~= 'utf-8' and charset ~= 'us-ascii' then
    return 'the body has another charset than utf-8; send utf-8'
  end
end

local function tell(handle, facts)
  local metadata = handle:streamInfo():dynamicMetadata()
  for name, value in pairs(facts) do
    metadata:set(SPACE_NAME, name, value)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local has_body = HAS_BODY[headers:get(':method')]
  local kind = headers:get('content-type') or ''
  local media, parameters = kind:match('^%s*([^;%s]*)%s*(.*)$')
  if media:lower() ~= 'application/json' or parameters:find('^[^;]') then
    if has_body then
      tell(handle, { content_type = kind == '' and 'none' or kind:sub(1, 128):gsub('[^\32-\126]', '?') })
    end
    return
  end
  local why = encoded(headers, parameters)
  if why then
    return tell(handle, { malformed = why })
  end
  local body = handle:body() -- suspends until all of it is there; objects got before are void after this
  if not body then
    if has_body then
      tell(handle, { malformed = 'the body is empty; send a JSON object' })
    end
    return
  end
  local found
  found, why = read(body:getBytes(0, body:length()))
  tell(handle, found or { malformed = why })
end
