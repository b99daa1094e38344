-- REST, where the transcoder stops: 201 for what was created, and the one error shape for the google.rpc.Status that
-- a service answered with. Errors that Envoy itself makes have that shape already and pass. A key pasted where an id belongs
-- loses its secret on the way in, before the access log has it.
local NAMES = { -- google.rpc.Code
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
}

-- `text` in the one error shape; nil when it is no google.rpc.Status.
local function shaped(http_status, text)
  local code, message, details = errors.status(text)
  return code
    and ('{"error":{"code":%d,"status":"%s","message":%s,"type":"%s","details":%s}}'):format(
      http_status,
      NAMES[code] or 'UNKNOWN',
      message,
      errors.type(http_status),
      details
    )
end

-- The id that a key names, and its secret, which is long enough to be nothing else.
local KEY = '(' .. ('%w'):rep(12) .. '_)' .. ('%w'):rep(40) .. '%w*'

function envoy_on_request(handle)
  local headers = handle:headers()
  local path, query = headers:get(':path'):match('^([^?]*)(.*)$')
  local shown, pasted = path:gsub(KEY, '%1')
  if pasted > 0 then
    headers:replace(':path', shown .. query)
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local created = headers:get('x-http-code') == '201'
  headers:remove('x-http-code')
  if (headers:get('content-type') or ''):find('^application/grpc') then
    return -- who speaks gRPC is answered in gRPC
  end
  local status = tonumber(headers:get(':status'))
  if status == 200 and created then
    headers:replace(':status', '201')
  elseif status >= 400 then
    local body = handle:body()
    local text = body and shaped(status, body:getBytes(0, body:length()))
    if text then
      errors.answer(handle, body, text)
    end
  end
end
