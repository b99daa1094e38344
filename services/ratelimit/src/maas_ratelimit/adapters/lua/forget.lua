-- Forgets request ids that ended long enough ago; answers whether there may be more.
-- KEYS[1] the tag    ARGV[1] now (Unix ms), or "" to go by the server's clock    ARGV[2] reservation_ttl    ARGV[3] settled_ttl (ms)
-- ARGV[4] how long (ms) the tag's keys outlive the last sweep
local tag, ids, more = KEYS[1], KEYS[1] .. ':r', 0
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
now = math.max(now, tonumber(redis.call('HGET', ids, 't') or '0'))
for _, kind in ipairs({ { 's', tag .. ':done', ARGV[3] }, { 'x', tag .. ':late', ARGV[2] } }) do
  local state, list, ttl = unpack(kind)
  local page, done = redis.call('LRANGE', list, 0, 15), 0
  for i = 1, #page do
    local ended, joined = string.match(page[i], '^(%d+):(.*)$')
    if now < ended + ttl then break end
    done = i
    for rid in string.gmatch(joined, '[^,]+') do
      if redis.call('HGET', ids, rid) == state .. ended then redis.call('HDEL', ids, rid) end
    end
  end
  if done > 0 then redis.call('LTRIM', list, done, -1) end
  if done == 16 then more = 1 end
  redis.call('PEXPIRE', list, ARGV[4])
end
redis.call('PEXPIRE', ids, ARGV[4])
redis.call('PEXPIRE', tag .. ':d', ARGV[4])
return { more, redis.call('ZCARD', tag .. ':d') }
