-- Part of count, which is one script in five files: it counts a batch of operations that share a hash tag, in order. adapters/redis/codec.py writes its blob and reads its answer.
--
-- KEYS[1]  the tag          ARGV[1]  now (Unix ms), or "" to go by the server's clock
-- ARGV[2]  reservation_ttl  ARGV[3]  settled_ttl (both ms)    ARGV[4]  tenant    ARGV[5]  plans and operations (msgpack, one flat array)
--
-- {tag}:w:<end>:<until>     a window's counters, hash by <counter>:<subject>: used, reserved, highest percentage told
-- {tag}:h                   what is held now, as above; of a log or GCRA limit a key of its own: {tag}:c:<counter>:<subject>, which has
--                           used and reserved, or level, since when (ms), and rate
-- {tag}:l:<counter>:<subject>  a log's entries by time (ms): <rid>:<amount> while reserved, <rid>:<amount>:<ms> when used
-- {tag}:r                   by request id: a reservation (msgpack), "s<ms>" settled then, "x<ms>" expired then; t: the last time,
--                           n: how many reservations
-- {tag}:q, {tag}:old        "<ms>:<id>,<id>…" in the order of admission: what may have to expire; the sweep moves what lasts to old
-- {tag}:done, {tag}:late    likewise settled, expired; the sweep forgets them from there
-- {tag}:ends                windows by when the sweep drops them, at once and aside, before their TTL would
-- {tag}:events              usage events
--
-- All is read first, in few calls for all operations together, and written last: calls are what costs. Numbers are doubles: exact up to 2^53,
-- so to all that a limit can hold; what is used stops there.
local call, struct_pack, struct_unpack = redis.call, struct.pack, struct.unpack
local floor, ceil, min, fmod, format, sub, match = math.floor, math.ceil, math.min, math.fmod, string.format, string.sub, string.match
local tag, tenant = KEYS[1], ARGV[4]
local reservation_ttl, settled_ttl = tonumber(ARGV[2]), tonumber(ARGV[3])
local ids = tag .. ':r'
local SLACK, MAX_LEVEL, PAGE = 60000, 9007199254740992, 1000
local PAD = 'x................................................................' -- so long that the hash is a table from the start
local BUCKET, CALENDAR, SLIDING, LOG, GCRA, HELD = 0, 1, 2, 3, 4, 5
local CLAIM, SETTLE = 0, 1
local A = cmsgpack.unpack(ARGV[5])

local function div(a, b) -- rounded down; exact up to 2^53, which a / b is not
  local rest = fmod(a, b)
  if rest < 0 then rest = rest + b end
  return (a - rest) / b
end

local function text(number)
  return format('%.0f', number)
end

-- Plans ----------------------------------------------------------------------------------------------------------------------------------
local p = 1

local function read_limit(kind, window, firm, shadow, start, fin)
  local limit = {
    label = A[p] .. ':', counter = A[p], amount = A[p + 1], capacity = A[p + 2],
    kind = kind, window = window, firm = firm, shadow = shadow, start = start, fin = fin,
    is_plain = kind == BUCKET or kind == CALENDAR or kind == HELD,
    how = (kind == GCRA and 4 or kind == LOG and 2 or 0) + (firm and 1 or 0),
  }
  p = p + 3
  return limit
end

local plans, lengths = {}, {}
p = 2
for i = 1, A[1] do
  local plan, length = {}, A[p]
  p = p + 1
  for place = 1, length do
    local kind, window, firm, shadow, soft, start, fin, told = A[p], A[p + 1], A[p + 2], A[p + 3], A[p + 4], A[p + 5], A[p + 6], A[p + 7]
    p = p + 8
    local thresholds = told > 0 and {} or false
    for j = 1, told * 2 do thresholds[j] = A[p]; p = p + 1 end
    local limit = read_limit(kind, window, firm == 1, shadow == 1, start * 1000, fin * 1000)
    limit.thresholds = thresholds
    limit.second = soft == 1 and read_limit(kind, window, firm == 1, false, start * 1000, fin * 1000) or false
    plan[place] = limit
  end
  plans[i], lengths[i] = plan, length
end

-- Request ids, and the time --------------------------------------------------------------------------------------------------------------
local operations, begins, rids = A[p], {}, { 't', 'n' }
p = p + 1
for i = 1, operations do
  begins[i] = p
  local code = A[p]
  rids[i + 2] = A[p + 1]
  if code == CLAIM then p = p + 4 + lengths[A[p + 2]] * 3
  elseif code == SETTLE then p = p + 8 + (A[p + 2] > 0 and lengths[A[p + 2]] * 2 or 0)
  else p = p + 3 + lengths[A[p + 2]] end
end
local known = call('HMGET', ids, unpack(rids))
local last = tonumber(known[1] or '0')
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000 + floor(time[2] / 1000)
end
if now < last then now = last end
