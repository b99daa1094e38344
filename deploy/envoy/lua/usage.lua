-- Finds what a model reports of its token use, in an answer that comes in pieces cut anywhere. Nothing is kept but
-- where the reader stands and, while it is inside one, the usage object. Usage is looked for where APIs put it:
--   OpenAI chat and completions, Anthropic answers and message_delta   {"usage": {...}}
--   OpenAI Responses events                                           {"response": {"usage": {...}}}
--   Anthropic message_start                                           {"message": {"usage": {...}}}
-- The same words inside a text, a tool's arguments or any other member are not usage.
local usage = {}

local QUOTE, OPEN_OBJECT, OPEN_ARRAY = 34, 123, 91
local LONGEST_NAME = 16 -- bytes; longer strings can't be a name on the way to usage
local LARGEST_USAGE = 16384 -- bytes; anything larger is not usage
local CARRIERS = { response = true, message = true }

-- Returns two functions: feed(bytes), which calls found(text, carrier) for each usage object that ends in them
-- (carrier nil at the top level), and reset(), for the start of another document.
local function walker(found)
  local depth, in_string, odd = 0, false, false -- odd: the bytes so far end in an odd run of backslashes
  local name -- what the string that is being read says so far; nil when it is no candidate
  local names, is_object = {}, {} -- at depth 1 and 2: the last string, which names the value that comes next
  local kept, size, base -- pieces of the usage object that is being read, their bytes, the depth around it
  local carrier

  local function keep(text)
    size = size + #text
    kept = size <= LARGEST_USAGE and kept or nil
    if kept then
      kept[#kept + 1] = text
    end
  end

  local function at_usage()
    carrier = nil
    if names[depth] ~= 'usage' or not is_object[depth] then
      return false
    elseif depth == 2 then
      carrier = names[1]
      return is_object[1] and CARRIERS[carrier]
    end
    return depth == 1
  end

  -- Goes on inside a string, from `i`; index after it, or past the end of `s` when it goes on in the next piece.
  local function through_string(s, i)
    local quote = s:find('"', i, true)
    local stop = quote or #s + 1
    local before = stop - 1
    while before >= i and s:byte(before) == 92 do
      before = before - 1
    end
    local escaped = (stop - 1 - before) % 2 == 1
    if before < i and odd then
      escaped = not escaped
    end
    in_string = not quote or escaped
    odd = not quote and escaped
    if name then
      name = name .. s:sub(i, in_string and stop or stop - 1)
      if #name > LONGEST_NAME then
        name = nil
      end
    end
    if not in_string and depth <= 2 then
      names[depth] = name
    end
    return stop + 1
  end

  local function reset()
    depth, in_string, odd, name, kept = 0, false, false, nil, nil
  end

  local function feed(s)
    local i, from = 1, 1 -- from: where in `s` the part to keep begins
    while i <= #s do
      if in_string then
        i = through_string(s, i)
      else
        local p = s:find('[%[%]{}"]', i)
        if not p then
          break
        end
        local c = s:byte(p)
        if c == QUOTE then
          in_string, odd, name = true, false, depth <= 2 and '' or nil
        elseif c == OPEN_OBJECT or c == OPEN_ARRAY then
          if c == OPEN_OBJECT and not kept and at_usage() then
            kept, size, base, from = {}, 0, depth, p
          end
          depth = depth + 1
          if depth <= 2 then
            is_object[depth], names[depth] = c == OPEN_OBJECT, nil
          end
        else
          depth = math.max(depth - 1, 0)
          if kept and depth == base then
            keep(s:sub(from, p))
            if kept then
              found(table.concat(kept), carrier)
            end
            kept = nil
          end
        end
        i = p + 1
      end
    end
    if kept then
      keep(s:sub(from))
    end
  end
  return feed, reset
end

-- Returns feed(bytes) for a stream of server-sent events: hands the data of each to `walk`, calls `ended` at the
-- blank line after one, and returns how many data lines there have been.
local function events(walk, ended)
  local head, fresh, is_data, seen = '', true, false, 0 -- head: less of a line's start than tells what line it is
  return function(s)
    s, head = head .. s, ''
    local i, n = 1, #s
    while i <= n do
      local newline = s:find('\n', i, true)
      local stop = newline or n
      if fresh then
        if not newline and n - i < 4 then
          head = s:sub(i)
          return seen
        end
        is_data = s:sub(i, i + 4) == 'data:'
        if is_data then
          seen = seen + 1
          i = i + 5
        elseif newline == i or (newline == i + 1 and s:byte(i) == 13) then
          ended()
        end
      end
      if is_data then
        walk(s:sub(i, stop))
      end
      fresh = newline ~= nil
      i = stop + 1
    end
    return seen
  end
end

local function number(text, members, name)
  local at = members[name]
  local raw = at and text:sub(at[1], at[2])
  return raw and #raw <= 15 and raw:match('^%d+$')
end

local function detail(text, members, name)
  local at = members[name]
  local inner = at and text:sub(at[1], at[2])
  local details = inner and json.members(inner)
  return details and number(inner, details, 'cached_tokens')
end

-- The counts in one usage object, as decimal strings. `input` is all of the input, cached or not, in every API:
-- Anthropic reports what it read from and wrote to its cache beside input_tokens, OpenAI as a part of it.
local function counts(text, carrier)
  local members = json.members(text)
  if not members then
    return {}
  end
  local function count(name)
    return number(text, members, name)
  end
  local input = count('prompt_tokens') or count('input_tokens')
  local read, written = count('cache_read_input_tokens'), count('cache_creation_input_tokens')
  if input and (read or written) then
    input = ('%d'):format(input + (read or 0) + (written or 0))
  end
  return {
    input = input,
    -- message_start comes before the output: what it says of it is a placeholder that an aborted stream never corrects
    output = carrier ~= 'message' and (count('completion_tokens') or count('output_tokens')) or nil,
    total = count('total_tokens'),
    cached = read
      or detail(text, members, 'prompt_tokens_details')
      or detail(text, members, 'input_tokens_details'),
  }
end

-- Returns feed(bytes) for one answer, which returns what is new since the call before: name -> decimal string, of
-- `input`, `output`, `total`, `cached`, and for a stream `events`. A later report of a count replaces an earlier one.
function usage.reader(is_stream)
  local news = {}
  local walk, reset = walker(function(text, carrier)
    for name, value in pairs(counts(text, carrier)) do
      news[name] = value
    end
  end)
  local read = is_stream and events(walk, reset) or walk
  local before = 0
  return function(bytes)
    news = {}
    local seen = read(bytes) or 0
    if seen ~= before then
      news.events = tostring(seen)
      before = seen
    end
    return news
  end
end

-- Whether an event of a chat stream carries usage and nothing else.
local function is_usage_only(event)
  local data = event:match('^data:%s*({.*})%s*$')
  local members = data and data:find('"choices"%s*:%s*%[%s*%]') and json.members(data)
  local choices, report = members and members.choices, members and members.usage
  return choices
    and report
    and data:byte(report[1]) == OPEN_OBJECT
    and data:sub(choices[1], choices[2]):find('^%[%s*%]$') ~= nil
end

-- Whether what is there of an event may become one with a chunk of an answer.
local function may_be_chunk(event)
  local start = event:sub(1, 7):gsub('%s', ''):sub(1, 6)
  return #event <= LARGEST_USAGE and ('data:{'):find(start, 1, true) == 1
end

-- Returns filter(bytes) for a chat stream whose client did not ask for usage: gives back the bytes without the event
-- that carries only usage (clients that don't expect it fail on its empty `choices`). Holds an event back while it may
-- be that one and is not complete; an empty piece, which ends a stream, lets out what is held.
function usage.without_report()
  local held, between = '', true -- between: `held` starts where an event does
  return function(bytes)
    local s, out = held .. bytes, {}
    held = ''
    if bytes == '' then
      return s
    end
    local i = 1
    while i <= #s do
      local _, stop = s:find('\n\r?\n', i)
      local event = s:sub(i, stop)
      if between and not stop and may_be_chunk(event) then
        held = event
        break
      elseif not (between and stop and is_usage_only(event)) then
        out[#out + 1] = event
      end
      between = stop ~= nil
      i = i + #event
    end
    return table.concat(out)
  end
end
