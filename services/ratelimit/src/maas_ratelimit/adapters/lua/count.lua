-- Counts a batch of operations that share a hash tag, in order. adapters/redis_codec.py writes its blob and reads its answer.
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
-- so to all that a limit can hold.
local call, struct_pack, struct_unpack = redis.call, struct.pack, struct.unpack
local floor, ceil, fmod, format, sub, match = math.floor, math.ceil, math.fmod, string.format, string.sub, string.match
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

-- Where counters are: hashes of many, and keys of their own. A slot is a counter that was asked for ------------------------------------------
local U, R, N, exists, written, count, fields, homes_of, is_got = {}, {}, {}, {}, {}, 0, {}, {}, false
local homes, by_name = {}, {}

local function home_of(name)
  local home = by_name[name]
  if not home then
    home = { name = name, key = name ~= 'c' and tag .. ':' .. name or false, slots = {}, count = 0, mine = {}, names = {} }
    by_name[name], homes[#homes + 1] = home, home
  end
  return home
end

local olders, by_end = {}, {}

local function window_home(kind, window, fin) -- as below; fin in ms
  local of_kind = by_end[kind == SLIDING and window or 0]
  if not of_kind then
    of_kind = {}
    by_end[kind == SLIDING and window or 0] = of_kind
  end
  local home = of_kind[fin]
  if not home then
    home = home_of(format('w:%.0f:%.0f', fin / 1000, (kind == SLIDING and fin + window or fin) / 1000))
    of_kind[fin] = home
  end
  return home
end

for i = 1, #plans do
  for _, first in ipairs(plans[i]) do
    local limit = first
    while limit do
      local kind, window = limit.kind, limit.window
      if kind == BUCKET or kind == SLIDING then
        limit.start = now - fmod(now, window)
        limit.fin = limit.start + window
      elseif kind == CALENDAR and (now < limit.start or now >= limit.fin) then
        return struct_pack('<i8i8', now, 0)
      end
      limit.reset = limit.fin / 1000
      if kind == HELD then limit.home = home_of('h')
      elseif kind >= LOG then limit.home = home_of('c')
      else
        local kept, lasts = limit.fin, window < reservation_ttl and window or reservation_ttl
        if kind == SLIDING then
          kept = kept + window
          limit.older = window_home(kind, window, limit.start)
          limit.share = ceil(1000 * (limit.fin - now) / window)
        end
        limit.home = window_home(kind, window, limit.fin)
        limit.home.drop = kept + lasts + SLACK
      end
      limit = limit.second
    end
  end
end

local function put(slot, value)
  if value then
    U[slot], R[slot], N[slot] = struct_unpack('<i8i8i8', value)
    exists[slot] = true
  else
    U[slot], R[slot], N[slot] = 0, 0, 0
  end
end

local function at(home, field)
  local slot = home.slots[field]
  if slot then return slot end
  slot = count + 1
  count, home.slots[field], fields[slot], homes_of[slot] = slot, slot, field, home
  if is_got then
    put(slot, home.key and call('HGET', home.key, field) or not home.key and call('GET', tag .. ':c:' .. field))
  else
    local mine = home.count + 1
    home.count, home.mine[mine], home.names[mine] = mine, slot, home.key and field or tag .. ':c:' .. field
  end
  return slot
end

local function find(limit, field)
  local slot = at(limit.home, field)
  if limit.older then olders[slot] = at(limit.older, field) end
  return slot
end

local function find_second(limit, slot)
  return find(limit.second, limit.second.label .. sub(fields[slot], #limit.label + 1))
end

-- A reservation is when it was made (ms, 13 digits), then an array: record, how many limits; of each: field, how it was taken, window,
-- amount, kind, end of a calendar window, how much, thresholds. In place of that end the slot is put here.
local function read_reservation(state)
  local held, since = cmsgpack.unpack(sub(state, 14)), sub(state, 1, 13)
  held.since = since
  for j = 3, #held, 8 do
    local kind, window, fin = held[j + 4], held[j + 2], held[j + 5] * 1000
    local home
    if kind == HELD then home = home_of('h')
    elseif kind >= LOG then home = home_of('c')
    else
      if kind ~= CALENDAR then fin = since - fmod(since, window) + window end
      home = window_home(kind, window, fin)
    end
    held[j + 5] = at(home, held[j])
  end
  return held
end

local reservations, states = {}, {}
for i = 1, operations do
  local rid, state = rids[i + 2], known[i + 2]
  local q = begins[i]
  if state then
    states[rid] = state
    if #state > 14 then
      reservations[rid] = reservations[rid] or read_reservation(state)
    end
  end
  if A[q] == CLAIM then
    local plan = plans[A[q + 2]]
    q = q + 4
    for place = 1, #plan do
      local limit, field = plan[place], A[q]
      local slot = limit.home.slots[field]
      if not slot or limit.older then slot = find(limit, field) end
      A[q] = slot -- from here on, instead of the field
      if limit.second then find_second(limit, slot) end
      q = q + 3
    end
  elseif A[q] == SETTLE then
    if A[q + 2] > 0 and not reservations[rid] then
      local plan = plans[A[q + 2]]
      q = q + 8
      for place = 1, #plan do
        A[q] = find(plan[place], A[q])
        q = q + 2
      end
    end
  else
    local plan = plans[A[q + 2]]
    for place = q + 3, q + 2 + #plan do A[place] = find(plan[place - q - 2], A[place]) end
  end
end
for _, home in ipairs(homes) do
  local mine, names, length, key = home.mine, home.names, home.count, home.key
  if key and length > 0 then
    length = length + 1
    names[length], mine[length] = '', 0 -- the pad: whether the hash is there
  end
  for from = 1, length, PAGE do
    local to = from + PAGE - 1 < length and from + PAGE - 1 or length
    local values = key and call('HMGET', key, unpack(names, from, to)) or not key and call('MGET', unpack(names, from, to))
    for k = from, to do
      local slot, value = mine[k], values[k - from + 1]
      if slot == 0 then
        home.is_there = value
      elseif value then
        U[slot], R[slot], N[slot] = struct_unpack('<i8i8i8', value)
        exists[slot] = true
      else
        U[slot], R[slot], N[slot] = 0, 0, 0
      end
    end
  end
end
is_got = true

-- Kinds of windows -----------------------------------------------------------------------------------------------------------------------
local function log_key(slot)
  return tag .. ':l:' .. fields[slot]
end

local pruned = {}

local function prune(slot, window)
  if pruned[slot] then return end
  pruned[slot] = true
  if not exists[slot] then return end
  local log = log_key(slot)
  local gone = call('ZRANGEBYSCORE', log, '-inf', now - window)
  if #gone > 0 then
    for j = 1, #gone do
      local amount, is_used = match(gone[j], ':(%d+)(:?)')
      if is_used == ':' then U[slot] = U[slot] - amount else R[slot] = R[slot] - amount end
    end
    call('ZREMRANGEBYSCORE', log, '-inf', now - window)
    written[slot] = window + SLACK
  end
end

local function level_of(slot, amount)
  local level = U[slot] - amount * (now - R[slot])
  return level > 0 and level or 0
end

local function fill(slot, level, amount, window)
  level = level < 0 and 0 or level > MAX_LEVEL and MAX_LEVEL or level
  U[slot], R[slot], N[slot] = level, now, amount
  written[slot] = ceil(level / amount) + window + SLACK
end

local function counted(previous, share)
  local rest = fmod(previous, 1000)
  return (previous - rest) / 1000 * share + ceil(rest * share / 1000)
end

local function older_of(slot)
  local older = olders[slot]
  return U[older] + R[older]
end

local function rest_of(limit, slot)
  local kind = limit.kind
  if kind == GCRA then return div(limit.capacity * limit.window - level_of(slot, limit.amount), limit.window) end
  if kind == LOG then prune(slot, limit.window) end
  local rest = limit.amount - U[slot] - R[slot]
  if kind == SLIDING then rest = rest - counted(older_of(slot), limit.share) end
  return rest
end

local function reset_of(limit, slot)
  local kind = limit.kind
  if kind == SLIDING and U[slot] + R[slot] > 0 then return limit.reset + limit.window / 1000 end
  if kind == GCRA then return ceil((now - div(-level_of(slot, limit.amount), limit.amount)) / 1000) end
  if kind == LOG then
    local newest = now
    if U[slot] + R[slot] > 0 then
      newest = tonumber(call('ZREVRANGE', log_key(slot), 0, 0, 'WITHSCORES')[2] or now - limit.window) + limit.window
    end
    return ceil(newest / 1000)
  end
  return limit.reset
end

local function largest_share(previous, room)
  local low, high = 0, 1000
  while low < high do
    local middle = floor((low + high + 1) / 2)
    if counted(previous, middle) <= room then low = middle else high = middle - 1 end
  end
  return low
end

local function retry_of(limit, slot, take)
  local kind, window, amount = limit.kind, limit.window, limit.amount
  if kind == GCRA then return now - div(-(level_of(slot, amount) + (take - limit.capacity) * window), amount) end
  if kind == SLIDING then
    local newer = U[slot] + R[slot]
    local room = amount - newer - take
    if room >= 0 then return limit.fin - floor(largest_share(older_of(slot), room) * window / 1000) end
    return limit.fin + window - floor(largest_share(newer, amount - take) * window / 1000)
  end
  if kind == LOG then
    local log, rest, from = log_key(slot), amount - U[slot] - R[slot], 0
    while true do
      local page = call('ZRANGE', log, from, from + 99, 'WITHSCORES')
      for j = 1, #page, 2 do
        rest = rest + match(page[j], ':(%d+)')
        if rest >= take then return tonumber(page[j + 1]) + window end
      end
      if #page == 0 then return now end
      from = from + 100
    end
  end
  return limit.fin
end

-- Events ---------------------------------------------------------------------------------------------------------------------------------
local lines = {}

local time = text(now)

local function usage(rid, outcome, admitted, record)
  lines[#lines + 1] = 'u\31' .. rid .. '\31' .. outcome .. '\31' .. admitted .. '\31' .. time .. '\31' .. record
end

local function tell(slot, thresholds, amount)
  local used = U[slot]
  for j = 1, #thresholds, 2 do
    if N[slot] < thresholds[j] and used >= thresholds[j + 1] then
      N[slot] = thresholds[j]
      written[slot] = written[slot] or 0
      local counter, subject = match(fields[slot], '^([^:]*:[^:]*:[^:]*:[^:]*):(.*)$')
      lines[#lines + 1] = table.concat({
        'b', tenant, counter, (string.gsub(subject, '\31', '+')), thresholds[j], text(used), text(amount),
        match(homes_of[slot].name, '^w:(%d+)'), time,
      }, '\31')
    end
  end
end

-- Taking and giving back ----------------------------------------------------------------------------------------------------------------
local FIRM = 1

local function take(limit, slot, granted, rid) -- of other kinds than buckets and what is held
  local kind = limit.kind
  if kind == GCRA then
    fill(slot, level_of(slot, limit.amount) + granted * limit.window, limit.amount, limit.window)
  elseif granted > 0 then
    if limit.firm then U[slot] = U[slot] + granted else R[slot] = R[slot] + granted end
    written[slot] = 0
    if kind == LOG then
      written[slot] = limit.window + SLACK
      local member = rid .. ':' .. text(granted)
      call('ZADD', log_key(slot), time, limit.firm and member .. ':' .. time or member)
    end
  end
  exists[slot] = true
end

local function give_back(rid, admitted, slot, how, taken, used, window, amount)
  if how >= 4 then -- GCRA
    fill(slot, level_of(slot, amount) + (used - taken) * window, amount, window)
    exists[slot] = true
  elseif how >= 2 then -- log
    prune(slot, window)
    local is_firm, log, member = how == 3, log_key(slot), rid .. ':' .. text(taken)
    if is_firm then member = member .. ':' .. admitted end
    if is_firm and used == taken or call('ZREM', log, member) == 0 then return end
    if is_firm then U[slot] = U[slot] - taken else R[slot] = R[slot] - taken end
    if used > 0 then
      call('ZADD', log, admitted, rid .. ':' .. text(used) .. ':' .. admitted)
      U[slot] = U[slot] + used
    end
    written[slot] = window + SLACK
  elseif exists[slot] then -- one that has ended is not made again
    if how == FIRM then
      if used == taken then return end
      U[slot] = U[slot] + used - taken
      if U[slot] < 0 then U[slot] = 0 end
    else
      R[slot] = R[slot] - taken
      U[slot] = U[slot] + used
    end
    written[slot] = 0
  end
end

local changed, set, sets, gone = {}, { 't', time, 'n', '' }, 4, {}

local function held_by(rid) -- the reservation, if it has one
  local state = states[rid]
  if not state or #state <= 14 then return nil end
  local held = reservations[rid]
  if not held then
    held = read_reservation(state)
    reservations[rid] = held
  end
  return held
end

local function become(rid, state)
  local place = changed[rid]
  if not place then
    place = sets + 1
    sets, changed[rid], set[place] = sets + 2, place, rid
  end
  set[place + 1], states[rid] = state or '', state
  if reservations[rid] then reservations[rid] = nil end
  if not state then gone[#gone + 1] = rid end
end

local function ended(rid) -- "s", "x" or nothing; of one that holds nothing
  local state = states[rid]
  if not state then return nil end
  local how = sub(state, 1, 1)
  return now < tonumber(sub(state, 2)) + (how == 's' and settled_ttl or reservation_ttl) and how or nil
end

-- Reservations past their deadlines ------------------------------------------------------------------------------------------------------
local settled, expired, admitted, admissions = {}, {}, {}, 0
local outstanding, more = tonumber(known[2] or '0'), 0

local function expire(rid, held)
  for j = 3, #held, 8 do
    local how = held[j + 1]
    if fmod(how, 2) == 0 then give_back(rid, held.since, held[j + 5], how, held[j + 6], 0, held[j + 2], held[j + 3]) end
    if held[j + 7] ~= 0 and exists[held[j + 5]] then tell(held[j + 5], held[j + 7], held[j + 3]) end
  end
  if held[1] ~= '' then usage(rid, 'expired', held.since, held[1]) end
  become(rid, 'x' .. time)
  outstanding = outstanding - 1
  expired[#expired + 1] = rid
end

local function expire_from(list)
  for page = 1, 64 do
    local head = call('LINDEX', list, 0)
    if not head then return end
    local since, joined = match(head, '^(%d+):(.*)$')
    if since + reservation_ttl > now then return end
    call('LPOP', list)
    local overdue = {}
    for rid in string.gmatch(joined, '[^,]+') do overdue[#overdue + 1] = rid end
    local values = call('HMGET', ids, unpack(overdue))
    for i = 1, #overdue do
      local rid, value = overdue[i], values[i]
      if value and #value > 14 and not changed[rid] then -- what this call wrote is not in there yet
        states[rid] = value
        local held = held_by(rid)
        if held.since + reservation_ttl <= now then expire(rid, held) end
      end
    end
  end
  more = 1
end

expire_from(tag .. ':old')
expire_from(tag .. ':q')

-- Operations -----------------------------------------------------------------------------------------------------------------------------
local out = { now, 1, #expired, more }
local o = 4

local function repeat_of(q, plan, held)
  local base = o + 2
  out[o + 1], out[o + 2] = 2, 0
  for place = 1, #plan do
    local limit, slot = plan[place], A[q]
    out[base + 1], out[base + 2], out[base + 3], out[base + 4] = rest_of(limit, slot), reset_of(limit, slot), held[1 + place * 8] or 0, 0
    q, base = q + 3, base + 4
  end
  o = base
end

local function refuse(q, plan)
  local base, retry = o + 2, 0
  for place = 1, #plan do
    local limit, slot = plan[place], A[q]
    if out[base + 4] == 1 then
      if limit.kind == HELD then
        retry = -1
      elseif retry >= 0 then
        local least = A[q + 2]
        local moment, second = retry_of(limit, slot, least), limit.second
        if second then
          local earlier = retry_of(second, find_second(limit, slot), least < second.capacity and least or second.capacity)
          if earlier < moment then moment = earlier end
        end
        if moment > retry then retry = moment end
      end
    elseif out[base + 4] == 2 then
      out[base + 4] = 0
    end
    out[base + 2], out[base + 3] = reset_of(limit, slot), 0
    q, base = q + 3, base + 4
  end
  out[o + 1], out[o + 2] = 1, retry > 0 and retry or 0
  o = base
end

local function admit(q)
  local rid, plan = A[q + 1], plans[A[q + 2]]
  if states[rid] then
    local held = held_by(rid)
    if held then return repeat_of(q + 4, plan, held) end
    if ended(rid) then
      o = o + 1
      out[o] = 3
      return
    end
  end
  local length, base, is_refused, seconds = #plan, o + 2, false, nil
  local first = q + 4
  for place = 1, length do
    local limit, slot, wanted = plan[place], A[q + 4], A[q + 5]
    local rest, granted, mark = limit.is_plain and limit.amount - U[slot] - R[slot] or rest_of(limit, slot), wanted, 0
    if rest < wanted then
      local least = A[q + 6]
      if rest >= least then
        granted = rest
      elseif limit.shadow then
        mark = 3
      else
        mark = 1
        local second = limit.second
        if second then
          local slot2, most = find_second(limit, slot), second.capacity
          local rest2, least2 = rest_of(second, slot2), least < most and least or most
          if rest2 >= least2 then
            granted = wanted < rest2 and wanted or rest2
            mark, seconds = 2, seconds or {}
            seconds[place] = slot2
          end
        end
        if mark == 1 then is_refused = true end
      end
    end
    out[base + 1], out[base + 2], out[base + 3], out[base + 4] = rest, limit.reset, granted, mark
    q, base = q + 3, base + 4
  end
  if is_refused then return refuse(first, plan) end
  local state, patched = A[first - 1], nil
  base = o + 2
  for place = 1, length do
    local limit, slot, granted, mark = plan[place], A[first], out[base + 3], out[base + 4]
    local from, taken_from = limit, slot
    if mark == 2 then
      from, taken_from = limit.second, seconds[place]
    else
      out[base + 1] = out[base + 1] - granted
    end
    if mark == 2 or granted ~= A[first + 1] then
      patched = patched or cmsgpack.unpack(state)
      local j = place * 8 - 5
      patched[j], patched[j + 3], patched[j + 6] = fields[taken_from], from.amount, granted
      if mark == 2 then patched[j + 7] = 0 end
    end
    if from.is_plain then
      if from.firm then
        U[taken_from] = U[taken_from] + granted
        if from.thresholds then tell(taken_from, from.thresholds, from.amount) end
      else
        R[taken_from] = R[taken_from] + granted
      end
      written[taken_from], exists[taken_from] = 0, true
    else
      take(from, taken_from, granted, rid)
      out[base + 2] = limit.kind == LOG and mark ~= 2 and ceil((now + limit.window) / 1000) or reset_of(limit, slot)
    end
    first, base = first + 3, base + 4
  end
  out[o + 1], out[o + 2] = 0, 0
  o = base
  become(rid, time .. (patched and cmsgpack.pack(patched) or state))
  outstanding = outstanding + 1
  admissions = admissions + 1
  admitted[admissions] = rid
end

local function charge(limit, slot, used, rid)
  if limit.kind == GCRA then
    fill(slot, level_of(slot, limit.amount) + used * limit.window, limit.amount, limit.window)
  else
    written[slot] = 0
    if limit.kind == LOG then
      prune(slot, limit.window)
      call('ZADD', log_key(slot), time, rid .. ':' .. text(used) .. ':' .. time)
      written[slot] = limit.window + SLACK
    end
    U[slot] = U[slot] + used
  end
  exists[slot] = true
  if limit.thresholds then tell(slot, limit.thresholds, limit.amount) end
end

local function settle(q)
  local rid, number, undone, may_charge, outcome, record, is_given =
    A[q + 1], A[q + 2], A[q + 3] == 1, A[q + 4] == 1, A[q + 5], A[q + 6], A[q + 7] == 1
  local plan = plans[number]
  q = q + 8
  o = o + 1
  local held = held_by(rid)
  if held then
    local length = held[2]
    local is_charged = is_given and not undone and plan and #plan == length
    for place = 1, length do
      local j = place * 8 - 5
      local how, taken = held[j + 1], held[j + 6]
      local used = 0
      if is_charged then used = A[q + place * 2 - 1] elseif not undone and fmod(how, 2) == 1 then used = taken end
      local slot = held[j + 5]
      give_back(rid, held.since, slot, how, taken, used, held[j + 2], held[j + 3])
      if held[j + 7] ~= 0 and exists[slot] then tell(slot, held[j + 7], held[j + 3]) end
    end
    outstanding = outstanding - 1
    if undone then
      become(rid, false)
    else
      become(rid, 's' .. time)
      settled[#settled + 1] = rid
      if record ~= '' then usage(rid, outcome, held.since, record) end
    end
    out[o] = 0
    return
  end
  local before = ended(rid)
  if before == 's' then
    out[o] = 2
  elseif undone or not may_charge or not plan then
    out[o] = 3
  else
    for place = 1, #plan do
      local limit, slot, used = plan[place], A[q + place * 2 - 2], A[q + place * 2 - 1]
      if type(slot) ~= 'number' then slot = find(limit, slot) end -- its reservation was undone in this very call
      if used > 0 and not (limit.firm and before == 'x') then charge(limit, slot, used, rid) end
    end
    become(rid, 's' .. time)
    settled[#settled + 1] = rid
    if record ~= '' then usage(rid, outcome, '0', record) end
    out[o] = 1
  end
end

local function look(q)
  local plan = plans[A[q + 2]]
  for place = 1, #plan do
    local limit = plan[place]
    local slot = A[q + 2 + place]
    local rest = rest_of(limit, slot)
    local used, reserved = U[slot], R[slot]
    if limit.kind == GCRA then used, reserved = -div(-level_of(slot, limit.amount), limit.window), 0 end
    out[o + 1], out[o + 2], out[o + 3], out[o + 4] = used, reserved, rest, reset_of(limit, slot)
    o = o + 4
  end
end

for i = 1, operations do
  local q = begins[i]
  if A[q] == CLAIM then admit(q) elseif A[q] == SETTLE then settle(q) else look(q) end
end

-- Writing --------------------------------------------------------------------------------------------------------------------------------

local function queue(list, those)
  if #those > 0 then call('RPUSH', tag .. list, time .. ':' .. table.concat(those, ',')) end
end

for slot = 1, count do
  local home, ttl = homes_of[slot], written[slot]
  if not ttl then
  elseif home.key then
    local given, n = home.given, home.gives
    if not given then
      given, n = {}, 0
      home.given = given
    end
    home.gives = n
    if home.name ~= 'h' or U[slot] ~= 0 or R[slot] ~= 0 then
      given[n + 1], given[n + 2] = fields[slot], struct_pack('<i8i8i8', U[slot], R[slot], N[slot])
      home.gives = n + 2
    elseif exists[slot] then
      call('HDEL', home.key, fields[slot])
    end
  else
    call('SET', tag .. ':c:' .. fields[slot], struct_pack('<i8i8i8', U[slot], R[slot], N[slot]), 'PX', ttl)
    if pruned[slot] then call('PEXPIRE', log_key(slot), ttl) end
  end
end
for _, home in ipairs(homes) do
  local given = home.given
  if given and #given > 0 then
    local is_new = home.name ~= 'h' and not home.is_there and not call('HGET', home.key, '')
    if is_new then given[#given + 1], given[#given + 2] = '', PAD end
    for from = 1, #given, PAGE do call('HSET', home.key, unpack(given, from, from + PAGE - 1 < #given and from + PAGE - 1 or #given)) end
    if is_new then
      call('PEXPIRE', home.key, home.drop - now + SLACK)
      call('ZADD', tag .. ':ends', text(home.drop), home.name)
    end
  end
end
if sets > 4 then
  set[4] = text(outstanding)
  call('HSET', ids, unpack(set, 1, sets))
  for i = 1, #gone do
    if not states[gone[i]] then call('HDEL', ids, gone[i]) end
  end
  queue(':q', admitted)
  queue(':done', settled)
  queue(':late', expired)
end
for i = 1, #lines do call('XADD', tag .. ':events', '*', 'line', lines[i]) end
if o <= PAGE then return struct_pack('<' .. string.rep('i8', o), unpack(out, 1, o)) end
local pages = {}
for from = 1, o, PAGE do
  local to = from + PAGE - 1 < o and from + PAGE - 1 or o
  pages[#pages + 1] = struct_pack('<' .. string.rep('i8', to - from + 1), unpack(out, from, to))
end
return table.concat(pages)
