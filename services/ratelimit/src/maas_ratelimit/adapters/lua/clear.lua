-- Sets what counters have used to nothing. KEYS: the counters; ARGV: of each its kind, "plain", "log" or "gcra"; then now (Unix ms).
local now = tonumber(ARGV[#KEYS + 1])
for i = 1, #KEYS do
  local key, kind = KEYS[i], ARGV[i]
  local value = redis.call('GET', key)
  if value then
    local used, reserved, told = struct.unpack('<i8i8i8', value)
    if kind == 'gcra' then reserved = math.max(now, reserved) end
    redis.call('SET', key, struct.pack('<i8i8i8', 0, reserved, told), 'KEEPTTL')
    if kind == 'log' then
      local log = string.gsub(key, '}:c:', '}:l:', 1)
      for _, entry in ipairs(redis.call('ZRANGE', log, 0, -1)) do
        if string.find(entry, ':%d+:') then redis.call('ZREM', log, entry) end
      end
    end
  end
end
return #KEYS
