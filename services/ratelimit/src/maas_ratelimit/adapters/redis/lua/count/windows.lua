-- Part of count: what is left of each kind of window, and until when.
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
