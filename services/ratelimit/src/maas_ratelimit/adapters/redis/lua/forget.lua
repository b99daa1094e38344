-- Tidies up after counting; answers whether there may be more to do, and how many reservations there are.
-- KEYS[1] the tag    ARGV[1] now (Unix ms), or "" to go by the server's clock    ARGV[2] reservation_ttl    ARGV[3] settled_ttl (ms)
-- ARGV[4] how long (ms) the tag's keys outlive the last sweep
local call, tag, ids, more = redis.call, KEYS[1], KEYS[1] .. ':r', 0
local PAGES, FRESH = 16, 60000
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
now = math.max(now, tonumber(call('HGET', ids, 't') or '0'))

local function of_age(list, age, act)
  local page, done = call('LRANGE', list, 0, PAGES - 1), 0
  for i = 1, #page do
    local since, joined = string.match(page[i], '^(%d+):(.*)$')
    if now < since + age then break end
    done = i
    local rids = {}
    for rid in string.gmatch(joined, '[^,]+') do rids[#rids + 1] = rid end
    act(since, rids, call('HMGET', ids, unpack(rids)))
  end
  if done > 0 then call('LTRIM', list, done, -1) end
  if done == PAGES then more = 1 end
  call('PEXPIRE', list, ARGV[4])
end

local function forget(mark)
  return function(since, rids, states)
    local gone = {}
    for i = 1, #rids do
      if states[i] == mark .. since then gone[#gone + 1] = rids[i] end
    end
    if #gone > 0 then call('HDEL', ids, unpack(gone)) end
  end
end

of_age(tag .. ':done', tonumber(ARGV[3]), forget('s'))
of_age(tag .. ':late', tonumber(ARGV[2]), forget('x'))
of_age(tag .. ':q', math.min(FRESH, ARGV[2] / 2), function(since, rids, states) -- most have been settled: only the others are kept
  local left = {}
  for i = 1, #rids do
    if states[i] and #states[i] > 14 then left[#left + 1] = rids[i] end
  end
  if #left > 0 then call('RPUSH', tag .. ':old', since .. ':' .. table.concat(left, ',')) end
end)
for _, name in ipairs(call('ZRANGEBYSCORE', tag .. ':ends', '-inf', now, 'LIMIT', 0, PAGES)) do
  call('UNLINK', tag .. ':' .. name)
  call('ZREM', tag .. ':ends', name)
end
for _, name in ipairs({ ':r', ':old', ':h', ':ends' }) do call('PEXPIRE', tag .. name, ARGV[4]) end
return { more, tonumber(call('HGET', ids, 'n') or '0') }
