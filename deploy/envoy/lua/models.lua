-- The model list on the data path: errors of the registry, in the words of every other error there. What went wrong
-- between gateway and registry is no fault of the caller and none of their business.
function envoy_on_response(handle)
  local status = tonumber(handle:headers():get(':status'))
  local body = status >= 400 and handle:body()
  if not body then
    return
  end
  local message = 'Model not found'
  if status ~= 404 then
    status, message = 503, 'The list of models cannot be read right now. Try again shortly.'
  end
  errors.answer(
    handle,
    body,
    ('{"error":{"message":"%s","type":"%s","code":%d}}'):format(message, errors.type(status), status)
  )
  handle:headers():replace(':status', tostring(status))
end
