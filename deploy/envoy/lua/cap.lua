-- Strict limits: the most that a model may write for a request, put where its server looks for it.
local cap = {}

-- The fields that cap an endpoint's answer; the first is the one to insert. For chat it is the old name: servers that
-- don't know the new one ignore it and write on, while those that refuse the old one (OpenAI's reasoning models) say so.
local ENDPOINTS = {
  { '/chat/completions', { 'max_tokens', 'max_completion_tokens' } },
  { '/completions', { 'max_tokens' } },
  { '/responses', { 'max_output_tokens' } },
}
-- Every field that some server obeys, whatever the endpoint; llama.cpp puts its own before all others.
local CAPS = { 'max_tokens', 'max_completion_tokens', 'max_output_tokens', 'n_predict' }
local CHOICES = { 'n', 'best_of', 'n_cmpl' } -- OpenAI's, and llama.cpp's own

-- How many texts are written, each with a cap of its own.
local function texts(asked)
  local choices = 1
  for _, field in ipairs(CHOICES) do
    choices = math.max(choices, tonumber(asked[field]) or 1)
  end
  return choices * (tonumber(asked.prompts) or 1)
end

local function fields(path)
  path = path:match('^[^?]*')
  for _, endpoint in ipairs(ENDPOINTS) do
    if path:sub(-#endpoint[1]) == endpoint[1] then
      return endpoint[2]
    end
  end
end

local function is_given(asked, names)
  for _, name in ipairs(names) do
    if asked[name] then
      return true
    end
  end
  return false
end

-- Adds to `values` (see json.set) what lets a request to `path` write at most `most` tokens; `asked` is what request.lua
-- told of it. False when that is not even one token for each of the texts that it asks for.
function cap.add(values, path, asked, most)
  local own = fields(path)
  if not own then
    return true -- nothing is written: embeddings
  end
  local share = math.floor(most / texts(asked))
  if share < 1 then
    return false
  end
  local function shared()
    return ('%d'):format(share)
  end
  for _, name in ipairs(CAPS) do
    local given = tonumber(asked[name])
    if given and (given < 1 or given > share) then -- servers take 0 and less for no cap
      values[name] = shared
    end
  end
  if not is_given(asked, own) then
    values[own[1]] = shared
  end
  return true
end
