-- JSON as bytes: where the members of an object begin and end, and how to replace some of them without touching
-- a byte of the rest. Nothing is decoded and written again: that would change numbers and the order of schemas.
--
-- The grammar is RFC 8259's, checked in full, so that a server behind the gateway can't find other members than
-- were found here. Three things inside strings are left to that server, since they can't move a member's bounds:
-- control characters, unknown escapes and invalid UTF-8.
local json = {}

local TAB, LF, CR, SPACE = 9, 10, 13, 32
local QUOTE, PLUS, COMMA, MINUS, DOT, ZERO, NINE, COLON = 34, 43, 44, 45, 46, 48, 57, 58
local OPEN_ARRAY, BACKSLASH, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT = 91, 92, 93, 123, 125
local MAX_DEPTH = 512 -- bounds the stack; Python's parser gives up near 1000

-- As much of a client's text as belongs into a message: it may be long, and bytes that are no text.
local function shown(text)
  return '"' .. text:sub(1, 64):gsub('[^\32-\126]', '?') .. '"'
end

local function unexpected(s, i, wanted)
  if i > #s then
    return nil, 'the JSON ends too early: ' .. wanted .. ' is missing'
  end
  return nil, ('the JSON is wrong at byte %d: %s was expected, not %s'):format(i, wanted, shown(s:sub(i, i)))
end

-- The first byte at or after `i` that is no white space: its index, and the byte (nil past the end).
local function skip_space(s, i)
  local c = s:byte(i)
  while c == SPACE or c == LF or c == CR or c == TAB do
    i = i + 1
    c = s:byte(i)
  end
  return i, c
end

-- Index after the string that opens at `i`. Prompts are mostly strings, so this is the search that C does best.
local function string_end(s, i)
  while true do
    local quote = s:find('"', i + 1, true)
    if not quote then
      return nil, 'the JSON ends inside a string'
    end
    local before = quote - 1
    while s:byte(before) == BACKSLASH do
      before = before - 1
    end
    if (quote - before) % 2 == 1 then
      return quote + 1
    end
    i = quote
  end
end

-- Index after a run of digits; nil when there is none at `i`.
local function digits_end(s, i)
  local first, c = i, s:byte(i)
  while c and c >= ZERO and c <= NINE do
    i = i + 1
    c = s:byte(i)
  end
  return i > first and i or nil
end

local function number_end(s, start)
  local first = s:byte(start) == MINUS and start + 1 or start
  local i = digits_end(s, first)
  if not i or (s:byte(first) == ZERO and i > first + 1) then
    return unexpected(s, first, 'a number')
  end
  if s:byte(i) == DOT then
    i = digits_end(s, i + 1)
    if not i then
      return unexpected(s, start, 'a number')
    end
  end
  local c = s:byte(i)
  if c == 69 or c == 101 then -- E, e
    local sign = s:byte(i + 1)
    i = digits_end(s, (sign == PLUS or sign == MINUS) and i + 2 or i + 1)
    if not i then
      return unexpected(s, start, 'a number')
    end
  end
  return i
end

local value_end

local function array_end(s, i, depth)
  local c, why
  i, c = skip_space(s, i + 1)
  if c == CLOSE_ARRAY then
    return i + 1
  end
  while true do
    i, why = value_end(s, i, depth)
    if not i then
      return nil, why
    end
    i, c = skip_space(s, i)
    if c == CLOSE_ARRAY then
      return i + 1
    elseif c ~= COMMA then
      return unexpected(s, i, 'a comma or ]')
    end
    i = skip_space(s, i + 1)
  end
end

-- Writes down one member; refuses what two parsers could read in two ways.
local function note(members, name, first, last)
  if name:find('\\', 1, true) then
    return 'the field name ' .. shown(name) .. ' is written with an escape; write it plainly'
  elseif members[name] then
    return 'the field ' .. shown(name) .. ' is there twice; send it once'
  end
  members[name] = { first, last }
end

-- Index after the object that opens at `i`; its members go into `members` when that is given.
local function object_end(s, i, depth, members)
  local c, why
  i, c = skip_space(s, i + 1)
  if c == CLOSE_OBJECT then
    return i + 1
  end
  while true do
    if c ~= QUOTE then
      return unexpected(s, i, 'a field name')
    end
    local opened = i
    i, why = string_end(s, i)
    if not i then
      return nil, why
    end
    local closed = i
    i, c = skip_space(s, i)
    if c ~= COLON then
      return unexpected(s, i, 'a colon')
    end
    local first = skip_space(s, i + 1)
    i, why = value_end(s, first, depth)
    if i and members then
      why = note(members, s:sub(opened + 1, closed - 2), first, i - 1)
    end
    if why then
      return nil, why
    end
    i, c = skip_space(s, i)
    if c == CLOSE_OBJECT then
      return i + 1
    elseif c ~= COMMA then
      return unexpected(s, i, 'a comma or }')
    end
    i, c = skip_space(s, i + 1)
  end
end

-- Index after the value whose first byte is at `i`.
function value_end(s, i, depth)
  local c = s:byte(i)
  if c == QUOTE then
    return string_end(s, i)
  elseif c == OPEN_OBJECT or c == OPEN_ARRAY then
    if depth == MAX_DEPTH then
      return nil, ('the JSON is nested deeper than %d levels'):format(MAX_DEPTH)
    end
    return (c == OPEN_OBJECT and object_end or array_end)(s, i, depth + 1)
  elseif c == MINUS or (c and c >= ZERO and c <= NINE) then
    return number_end(s, i)
  elseif s:sub(i, i + 3) == 'true' or s:sub(i, i + 3) == 'null' then
    return i + 4
  elseif s:sub(i, i + 4) == 'false' then
    return i + 5
  end
  return unexpected(s, i, 'a value')
end

-- The members of the object that `s` is, as name -> {first, last} (the bounds of the raw value), and the index of
-- the opening brace. Or nil and the reason, for people, why `s` is not one unambiguous JSON object.
function json.members(s)
  local open, c = skip_space(s, 1)
  if not c then
    return nil, 'the body is empty; send a JSON object'
  elseif s:sub(1, 3) == '\239\187\191' then
    return nil, 'the body starts with a byte order mark; send plain UTF-8'
  elseif c ~= OPEN_OBJECT then
    return nil, 'the body is not a JSON object'
  end
  local members = {}
  local after, why = object_end(s, open, 1, members)
  if not after then
    return nil, why
  end
  if select(2, skip_space(s, after)) then
    return nil, ('the JSON object ends at byte %d, but more follows it'):format(after - 1)
  end
  return members, open
end

-- How many elements of the array that `s` is, known to be well-formed, are no numbers.
function json.count_others(s)
  local count, i, c = 0, skip_space(s, 2)
  while c ~= CLOSE_ARRAY do
    if c == COMMA then
      i = i + 1
    else
      if c ~= MINUS and (c < ZERO or c > NINE) then
        count = count + 1
      end
      i = value_end(s, i, 1)
    end
    i, c = skip_space(s, i)
  end
  return count
end

-- `s` with members set: `values` maps a name to a function from the raw value that is there (nil when none is) to
-- the raw value that shall be. A missing member becomes the first; every other byte stays. Nil when `s` is no object.
function json.set(s, values)
  local members, open = json.members(s)
  if not members then
    return nil
  end
  local edits, added = {}, {}
  for name, value in pairs(values) do
    local at = members[name]
    if at then
      edits[#edits + 1] = { at[1], at[2], value(s:sub(at[1], at[2])) }
    else
      added[#added + 1] = json.quote(name) .. ':' .. value(nil)
    end
  end
  if #added > 0 then
    table.sort(added)
    edits[#edits + 1] = { open + 1, open, table.concat(added, ',') .. (next(members) and ',' or '') }
  end
  table.sort(edits, function(a, b)
    return a[1] < b[1]
  end)
  local pieces, at = {}, 1
  for _, edit in ipairs(edits) do
    pieces[#pieces + 1] = s:sub(at, edit[1] - 1)
    pieces[#pieces + 1] = edit[3]
    at = edit[2] + 1
  end
  pieces[#pieces + 1] = s:sub(at)
  return table.concat(pieces)
end

-- `text` as a JSON string.
function json.quote(text)
  return '"' .. text:gsub('[%z\1-\31"\\]', function(c)
    return ('\\u%04x'):format(c:byte())
  end) .. '"'
end

local ESCAPES = { ['"'] = '"', ['\\'] = '\\', ['/'] = '/', b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }

-- What a raw JSON string says; nil when `raw` is no string, or one with an escape that is no ASCII character's.
function json.text(raw)
  local inner = raw:match('^"(.*)"$')
  if not inner or not inner:find('\\', 1, true) then
    return inner
  end
  local exact = true
  local text = inner:gsub('\\(.)(%x?%x?%x?%x?)', function(letter, hex)
    local code = letter == 'u' and #hex == 4 and tonumber(hex, 16)
    if code and code < 128 then
      return string.char(code)
    elseif not ESCAPES[letter] then
      exact = false
      return ''
    end
    return ESCAPES[letter] .. hex
  end)
  return exact and text or nil
end
