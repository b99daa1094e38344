-- Part of count: each operation in its turn, then everything that has changed is written.
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
      U[slot] = U[slot] + used
    else
      U[slot] = min(U[slot] + used, MAX_LEVEL)
    end
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
