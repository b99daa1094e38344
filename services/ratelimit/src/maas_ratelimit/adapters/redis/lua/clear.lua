-- Sets what one counter has used to nothing. KEYS[1]: its hash, or its own key; KEYS[2]: a log's entries, for a log.
-- ARGV[1]: its field in the hash, or ""; ARGV[2]: now (Unix ms) for GCRA, or ""
local function cleared(value)
  local used, reserved, told = struct.unpack('<i8i8i8', value)
  return struct.pack('<i8i8i8', 0, ARGV[2] ~= '' and math.max(reserved, ARGV[2]) or reserved, told)
end
if ARGV[1] ~= '' then
  local value = redis.call('HGET', KEYS[1], ARGV[1])
  if value then redis.call('HSET', KEYS[1], ARGV[1], cleared(value)) end
else
  local value = redis.call('GET', KEYS[1])
  if value then redis.call('SET', KEYS[1], cleared(value), 'KEEPTTL') end
  if KEYS[2] then
    for _, entry in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
      if string.find(entry, ':%d+:') then redis.call('ZREM', KEYS[2], entry) end
    end
  end
end
return 1
