-- Part of count: where counters are, and what they hold.
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
