-- What happens to a request that was admitted, and to its answer: the edits that authz and ratelimit asked for,
-- byte-exact, and the token use that the model reports, put into the metadata `maas.usage` as it streams by, so that the
-- rate limiter is told when the stream ends, however it ends. Nothing of an answer is held back, but see
-- usage.without_report.
local AUTHZ, RATELIMIT = 'envoy.filters.http.ext_authz', 'envoy.filters.http.ratelimit'
local NO_TOKENS_LEFT = 'Token quota exceeded. You have consumed the maximum number of tokens allowed for your tier.'

local function told(handle, space)
  return handle:streamInfo():dynamicMetadata():get(space) or {}
end

-- Makes a stream end with usage: other options that the client gave stay.
local function with_usage(options)
  local given = options and options ~= 'null' and options or '{}'
  return json.set(given, {
    include_usage = function()
      return 'true'
    end,
  })
end

function envoy_on_request(handle)
  local decided = told(handle, AUTHZ)
  local values = {}
  if decided.set_model then
    local name = json.quote(decided.set_model)
    values.model = function()
      return name
    end
  end
  if decided.add_usage then
    values.stream_options = with_usage
  end
  local most = told(handle, RATELIMIT).max_output
  if most and not cap.add(values, handle:headers():get(':path'), told(handle, 'maas.request'), tonumber(most) or 0) then
    return handle:respond({ [':status'] = '429' }, NO_TOKENS_LEFT)
  end
  local body = next(values) and handle:body()
  local edited = body and json.set(body:getBytes(0, body:length()), values)
  if edited then
    local length = body:setBytes(edited)
    handle:headers():replace('content-length', tostring(length))
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get(':status') == '429' then -- all that the filter ratelimit can say; the service may mean something else
    local status = told(handle, RATELIMIT).status
    if status then
      headers:replace(':status', status)
    end
  end
  local media = (headers:get('content-type') or ''):lower()
  local is_stream = media:find('text/event-stream', 1, true) ~= nil
  if headers:get('content-encoding') or not (is_stream or media:find('json', 1, true)) then
    return
  end
  local read = usage.reader(is_stream)
  local may_shrink = is_stream and not headers:get('content-length')
  local filter = may_shrink and told(handle, AUTHZ).add_usage and usage.without_report()
  for chunk in handle:bodyChunks() do -- suspends: whatever was got from the handle before is void in here
    local bytes = chunk:length() > 0 and chunk:getBytes(0, chunk:length()) or ''
    for name, value in pairs(read(bytes)) do
      handle:streamInfo():dynamicMetadata():set('maas.usage', name, value)
    end
    local left = filter and filter(bytes)
    if left and left ~= bytes then
      chunk:setBytes(left)
    end
  end
end
