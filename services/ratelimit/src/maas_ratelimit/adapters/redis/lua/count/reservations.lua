-- Part of count: events, taking and giving back, and what is past its deadline.
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
      U[slot] = min(U[slot] + used, MAX_LEVEL)
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
    if #expired >= PAGE then break end
  end
  more = 1
end

expire_from(tag .. ':old')
expire_from(tag .. ':q')
