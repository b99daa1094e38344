-- Counts a batch of operations that share a hash tag, in order. adapters/redis_codec.py writes its blob and reads its answer.
--
-- KEYS[1]  the tag          ARGV[1]  now (Unix ms), or "" to go by the server's clock
-- ARGV[2]  reservation_ttl  ARGV[3]  settled_ttl (both ms)    ARGV[4]  tenant    ARGV[5]  plans and operations (msgpack, one flat array)
--
-- {tag}:c:<counter>:<subject>:<end>  three numbers: used, reserved, highest percentage told; of GCRA level, since when (ms), rate
-- {tag}:l:<counter>:<subject>:0      a log's entries by time (ms): <rid>:<amount> while reserved, <rid>:<amount>:<ms> when used
-- {tag}:r                            by request id: a reservation (msgpack), "s<ms>" settled then, "x<ms>" expired then; t: the last time
-- {tag}:d                            reserved ids by deadline
-- {tag}:done, {tag}:late             "<ms>:<id>,<id>…" settled, expired; the sweep forgets them from there
-- {tag}:events                       usage events
--
-- All is read first, few calls for all operations together; and written last.
local call, struct_pack, struct_unpack = redis.call, struct.pack, struct.unpack
local floor, ceil, fmod, format, sub, match = math.floor, math.ceil, math.fmod, string.format, string.sub, string.match
local tag, tenant = KEYS[1], ARGV[4]
local reservation_ttl, settled_ttl = tonumber(ARGV[2]), tonumber(ARGV[3])
local ids, due = tag .. ':r', tag .. ':d'
local SLACK, HELD_SLACK, MAX_LEVEL, PAGE = 60000, 7 * 86400000, 9007199254740992, 1000
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
    prefix = tag .. ':c:' .. A[p] .. ':', counter = A[p], amount = A[p + 1], capacity = A[p + 2],
    kind = kind, window = window, firm = firm, shadow = shadow, start = start, fin = fin,
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
local operations, begins, rids = A[p], {}, { 't' }
p = p + 1
for i = 1, operations do
  begins[i] = p
  local code = A[p]
  rids[i + 1] = A[p + 1]
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
      limit.suffix = ':' .. limit.reset
      if kind == SLIDING then
        limit.older = ':' .. limit.start / 1000
        limit.share = ceil(1000 * (limit.fin - now) / window)
        limit.ttl = limit.fin + window - now + SLACK
      elseif kind == LOG then limit.ttl = window + SLACK
      elseif kind == HELD then limit.ttl = reservation_ttl + HELD_SLACK
      else limit.ttl = limit.fin - now + SLACK end
      limit = limit.second
    end
  end
end

-- Counters: those of all operations are got at once, others when they are asked for -------------------------------------------------------
local U, R, N, exists, written, count, keys, slots, is_got = {}, {}, {}, {}, {}, 0, {}, {}, false
local pruned = {}

local function put(slot, value)
  if value then
    U[slot], R[slot], N[slot] = struct_unpack('<i8i8i8', value)
    exists[slot] = true
  else
    U[slot], R[slot], N[slot] = 0, 0, 0
  end
end

local function at(key)
  local slot = slots[key]
  if not slot then
    slot = count + 1
    count, keys[slot], slots[key] = slot, key, slot
    if is_got then put(slot, call('GET', key)) end
  end
  return slot
end

local olders = {}

local function find(limit, subject)
  if type(subject) == 'number' then return subject end -- found before
  local key = limit.prefix .. subject
  local slot = at(key .. limit.suffix)
  if limit.older then olders[slot] = at(key .. limit.older) end
  return slot
end

local function find_second(limit, slot)
  return find(limit.second, sub(keys[slot], #limit.prefix + 1, -1 - #limit.suffix))
end

local reservations, states = {}, {}
for i = 1, operations do
  local rid, state = rids[i + 1], known[i + 1]
  local q = begins[i]
  if state and sub(state, 1, 1) ~= 's' and sub(state, 1, 1) ~= 'x' then
    local held = reservations[rid] or cmsgpack.unpack(state)
    reservations[rid], states[rid] = held, held
    for j = 4, #held, 5 do at(held[j]) end
  else
    states[rid] = state
  end
  if A[q] == CLAIM then
    local plan = plans[A[q + 2]]
    q = q + 4
    for place = 1, #plan do
      local limit = plan[place]
      A[q] = find(limit, A[q]) -- from here on, instead of the subject
      if limit.second then find_second(limit, A[q]) end
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
for from = 1, count, PAGE do
  local values = call('MGET', unpack(keys, from, from + PAGE - 1 < count and from + PAGE - 1 or count))
  for j = 1, #values do put(from + j - 1, values[j]) end
end
is_got = true

-- Kinds of windows -----------------------------------------------------------------------------------------------------------------------
local function log_key(slot)
  return tag .. ':l:' .. sub(keys[slot], #tag + 4)
end

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

local function usage(rid, outcome, admitted, record)
  lines[#lines + 1] = 'u\31' .. rid .. '\31' .. outcome .. '\31' .. admitted .. '\31' .. text(now) .. '\31' .. record
end

local function tell(limit, slot)
  local thresholds, used = limit.thresholds, U[slot]
  for j = 1, #thresholds, 2 do
    if N[slot] < thresholds[j] and used >= thresholds[j + 1] then
      N[slot] = thresholds[j]
      local subject, fin = match(sub(keys[slot], #limit.prefix + 1), '^(.*):(%d+)$')
      subject = string.gsub(subject, '\31', '+')
      lines[#lines + 1] = table.concat(
        { 'b', tenant, limit.counter, subject, thresholds[j], text(used), text(limit.amount), fin, text(now) }, '\31')
    end
  end
end

-- Taking and giving back. A reservation: when, record, then of each limit counter, how it was taken, how much, window, amount -------------
local PLAIN, FIRM = 0, 1

local function take(limit, slot, granted, rid)
  local kind = limit.kind
  if kind == GCRA then
    fill(slot, level_of(slot, limit.amount) + granted * limit.window, limit.amount, limit.window)
  elseif granted > 0 then
    if limit.firm then U[slot] = U[slot] + granted else R[slot] = R[slot] + granted end
    written[slot] = limit.ttl
    if kind == LOG then
      local member = rid .. ':' .. text(granted)
      call('ZADD', log_key(slot), now, limit.firm and member .. ':' .. text(now) or member)
    end
  end
  exists[slot] = true
  if limit.thresholds and limit.firm then tell(limit, slot) end
end

local function give_back(rid, admitted, slot, how, taken, used, window, amount)
  if how >= 4 then -- GCRA
    fill(slot, level_of(slot, amount) + (used - taken) * window, amount, window)
    exists[slot] = true
  elseif how >= 2 then -- log
    prune(slot, window)
    local is_firm, log, member = how == 3, log_key(slot), rid .. ':' .. text(taken)
    if is_firm then member = member .. ':' .. text(admitted) end
    if is_firm and used == taken or call('ZREM', log, member) == 0 then return end
    if is_firm then U[slot] = U[slot] - taken else R[slot] = R[slot] - taken end
    if used > 0 then
      call('ZADD', log, admitted, rid .. ':' .. text(used) .. ':' .. text(admitted))
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
    written[slot] = written[slot] or -1
  end
end

local changed, changes = {}, {}

local function become(rid, state)
  if not changed[rid] then
    changed[rid] = true
    changes[#changes + 1] = rid
  end
  states[rid] = state
end

local function ended(rid) -- "s", "x" or nothing
  local state = states[rid]
  if type(state) ~= 'string' then return nil end
  local how = sub(state, 1, 1)
  return now < tonumber(sub(state, 2)) + (how == 's' and settled_ttl or reservation_ttl) and how or nil
end

-- Reservations past their deadlines ------------------------------------------------------------------------------------------------------
local settled, expired = {}, {}
local more = 0
local overdue = call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, PAGE)
if #overdue > 0 then
  more = #overdue == PAGE and 1 or 0
  local values = call('HMGET', ids, unpack(overdue))
  for i = 1, #overdue do
    local rid, value = overdue[i], values[i]
    if value then
      local held = reservations[rid] or cmsgpack.unpack(value)
      for j = 4, #held, 5 do
        local how = held[j + 1]
        if fmod(how, 2) == 0 then give_back(rid, held[1], at(held[j]), how, held[j + 2], 0, held[j + 3], held[j + 4]) end
      end
      if held[2] ~= '' then usage(rid, 'expired', text(held[1]), held[2]) end
    end
    become(rid, 'x' .. text(now))
    expired[#expired + 1] = rid
  end
end

-- Operations -----------------------------------------------------------------------------------------------------------------------------
local out = { now, 1, #expired, more }
local o = 4

local function admit(q)
  local rid, plan, record = A[q + 1], plans[A[q + 2]], A[q + 3]
  local length, base = #plan, o + 2
  q = q + 4
  local held = states[rid]
  if type(held) == 'table' then
    out[o + 1], out[o + 2] = 2, 0
    for place = 1, length do
      local limit = plan[place]
      local slot = find(limit, A[q])
      out[base + 1], out[base + 2], out[base + 3], out[base + 4] = rest_of(limit, slot), reset_of(limit, slot), held[1 + place * 5] or 0, 0
      q, base = q + 3, base + 4
    end
    o = base
    return
  end
  if ended(rid) then
    o = o + 1
    out[o] = 3
    return
  end
  local retry, is_refused = 0, false
  local chosen = {}
  for place = 1, length do
    local limit, wanted, least = plan[place], A[q + 1], A[q + 2]
    local slot = find(limit, A[q])
    local rest, granted, mark, from = rest_of(limit, slot), wanted, 0, limit
    if rest < wanted then
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
            mark, from, chosen[place] = 2, second, slot2
          end
        end
        if mark == 1 then is_refused = true end
      end
    end
    chosen[place] = chosen[place] or slot
    out[base + 1], out[base + 2], out[base + 3], out[base + 4] = rest, 0, granted, mark
    q, base = q + 3, base + 4
  end
  base = o + 2
  q = q - length * 3
  if is_refused then
    for place = 1, length do
      local limit, slot = plan[place], find(plan[place], A[q])
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
    return
  end
  held = { now, record, length }
  local h = 3
  for place = 1, length do
    local limit, slot, granted, mark = plan[place], chosen[place], out[base + 3], out[base + 4]
    local from = mark == 2 and limit.second or limit
    take(from, slot, granted, rid)
    local kind = limit.kind
    held[h + 1], held[h + 2], held[h + 3] = keys[slot], (kind == GCRA and 4 or kind == LOG and 2 or PLAIN) + (limit.firm and FIRM or 0), granted
    held[h + 4], held[h + 5] = kind >= LOG and limit.window or 0, kind == GCRA and from.amount or 0
    h = h + 5
    if mark ~= 2 then out[base + 1] = out[base + 1] - granted end
    out[base + 2] = kind == LOG and mark ~= 2 and ceil((now + limit.window) / 1000) or reset_of(limit, mark == 2 and find(limit, A[q]) or slot)
    q, base = q + 3, base + 4
  end
  out[o + 1], out[o + 2] = 0, 0
  o = base
  become(rid, held)
end

local function charge(limit, slot, used, rid)
  if limit.kind == GCRA then
    fill(slot, level_of(slot, limit.amount) + used * limit.window, limit.amount, limit.window)
  else
    if limit.kind == LOG then
      prune(slot, limit.window)
      call('ZADD', log_key(slot), now, rid .. ':' .. text(used) .. ':' .. text(now))
    end
    U[slot] = U[slot] + used
    written[slot] = limit.ttl
  end
  exists[slot] = true
  if limit.thresholds then tell(limit, slot) end
end

local function settle(q)
  local rid, number, undone, may_charge, outcome, record, is_given =
    A[q + 1], A[q + 2], A[q + 3] == 1, A[q + 4] == 1, A[q + 5], A[q + 6], A[q + 7] == 1
  local plan = plans[number]
  q = q + 8
  o = o + 1
  local held = states[rid]
  if type(held) == 'table' then
    local length = held[3]
    local is_charged = is_given and not undone and plan and #plan == length
    for place = 1, length do
      local j = place * 5 - 1
      local how, taken = held[j + 1], held[j + 2]
      local used = 0
      if is_charged then used = A[q + place * 2 - 1] elseif not undone and fmod(how, 2) == 1 then used = taken end
      local slot = at(held[j])
      give_back(rid, held[1], slot, how, taken, used, held[j + 3], held[j + 4])
      if is_charged and exists[slot] then
        local limit = plan[place]
        if limit.thresholds and sub(held[j], 1, #limit.prefix) == limit.prefix then tell(limit, slot) end
      end
    end
    if undone then
      become(rid, false)
    else
      become(rid, 's' .. text(now))
      settled[#settled + 1] = rid
      if record ~= '' then usage(rid, outcome, text(held[1]), record) end
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
      local limit, used = plan[place], A[q + place * 2 - 1]
      if used > 0 and not (limit.firm and before == 'x') then charge(limit, find(limit, A[q + place * 2 - 2]), used, rid) end
    end
    become(rid, 's' .. text(now))
    settled[#settled + 1] = rid
    if record ~= '' then usage(rid, outcome, '0', record) end
    out[o] = 1
  end
end

local function look(q)
  local plan = plans[A[q + 2]]
  for place = 1, #plan do
    local limit = plan[place]
    local slot = find(limit, A[q + 2 + place])
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
if #changes > 0 then
  local set, sets, gone, deadlines, ends = { 't', text(now) }, 2, {}, {}, {}
  for i = 1, #changes do
    local rid = changes[i]
    local state = states[rid]
    if type(state) == 'table' then
      set[sets + 1], set[sets + 2] = rid, cmsgpack.pack(state)
      sets = sets + 2
      deadlines[#deadlines + 1], deadlines[#deadlines + 2] = now + reservation_ttl, rid
    else
      ends[#ends + 1] = rid
      if state then
        set[sets + 1], set[sets + 2] = rid, state
        sets = sets + 2
      else
        gone[#gone + 1] = rid
      end
    end
  end
  call('HSET', ids, unpack(set))
  if #deadlines > 0 then call('ZADD', due, unpack(deadlines)) end
  if #ends > 0 then call('ZREM', due, unpack(ends)) end
  if #gone > 0 then call('HDEL', ids, unpack(gone)) end
  if #settled > 0 then call('RPUSH', tag .. ':done', text(now) .. ':' .. table.concat(settled, ',')) end
  if #expired > 0 then call('RPUSH', tag .. ':late', text(now) .. ':' .. table.concat(expired, ',')) end
end
for slot, ttl in pairs(written) do
  local value = struct_pack('<i8i8i8', U[slot], R[slot], N[slot])
  if ttl < 0 then call('SET', keys[slot], value, 'KEEPTTL')
  else
    call('SET', keys[slot], value, 'PX', ttl)
    local log = pruned[slot] and log_key(slot)
    if log then call('PEXPIRE', log, ttl) end
  end
end
for i = 1, #lines do call('XADD', tag .. ':events', '*', 'line', lines[i]) end
if o <= PAGE then return struct_pack('<' .. string.rep('i8', o), unpack(out, 1, o)) end
local pages = {}
for from = 1, o, PAGE do
  local to = from + PAGE - 1 < o and from + PAGE - 1 or o
  pages[#pages + 1] = struct_pack('<' .. string.rep('i8', to - from + 1), unpack(out, from, to))
end
return table.concat(pages)
