-- Errors as people get them: what kind a status is, and what a google.rpc.Status in JSON says.
local errors = {}

local TYPES = {
  [401] = 'authentication_error',
  [403] = 'authorization_error',
  [404] = 'not_found_error',
  [409] = 'conflict_error',
  [429] = 'rate_limit_error',
}

-- The error type of an HTTP status, 400 or above.
function errors.type(status)
  return TYPES[status] or (status >= 500 and 'server_error' or 'invalid_request_error')
end

-- The gRPC code, the message (raw JSON string) and the details (raw JSON array) of the google.rpc.Status that the
-- transcoder wrote; nil when `text` is none.
function errors.status(text)
  local members = json.members(text)
  local function raw(name)
    local at = members and members[name]
    return at and text:sub(at[1], at[2])
  end
  local code = tonumber(raw('code'))
  if code then
    return code, raw('message') or '""', raw('details') or '[]'
  end
end

-- Makes `text`, which is JSON, the answer of `handle`, instead of the `body` that was read from it.
function errors.answer(handle, body, text)
  local length = body:setBytes(text)
  local headers = handle:headers()
  headers:replace('content-type', 'application/json')
  headers:replace('content-length', tostring(length))
end
