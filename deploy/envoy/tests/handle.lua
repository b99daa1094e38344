-- A stream as Envoy shows it to a Lua filter: the methods that the filters use, and Envoy's rule that an object got
-- before the script was suspended is void after it. `pieces` are the body as it arrives; none: there is no body.
return function(headers, pieces, metadata)
  local suspended, sent, reply = 0, {}, nil

  local function object(methods)
    local born = suspended
    return setmetatable({}, {
      __index = function(_, name)
        assert(born == suspended, 'object used outside of proper scope')
        return assert(methods[name], 'no such method: ' .. name)
      end,
    })
  end

  local function buffer(text)
    local content = { text = text }
    return content,
      object({
        length = function()
          return #content.text
        end,
        getBytes = function(_, index, length)
          assert(index + length <= #content.text, 'index/length must be >= 0 and (index + length) must be <= buffer size')
          return content.text:sub(index + 1, index + length)
        end,
        setBytes = function(_, new)
          content.text = new
          return #new
        end,
      })
  end

  local handle = {}

  function handle.headers()
    return object({
      get = function(_, name)
        return headers[name]
      end,
      replace = function(_, name, value)
        assert(type(value) == 'string', 'a header is a string')
        headers[name] = value
      end,
      remove = function(_, name)
        headers[name] = nil
      end,
    })
  end

  function handle.streamInfo()
    return object({
      dynamicMetadata = function()
        return object({
          get = function(_, space)
            return metadata[space]
          end,
          set = function(_, space, name, value)
            assert(type(value) == 'string', 'a descriptor takes strings only')
            metadata[space] = metadata[space] or {}
            metadata[space][name] = value
          end,
        })
      end,
    })
  end

  function handle.body()
    suspended = suspended + 1
    if #pieces == 0 then
      return nil
    end
    local content, view = buffer(table.concat(pieces))
    sent, pieces = { content }, {}
    return view
  end

  function handle.bodyChunks()
    local arriving = pieces
    pieces = {}
    return function()
      suspended = suspended + 1
      local piece = table.remove(arriving, 1)
      if piece then
        local content, view = buffer(piece)
        sent[#sent + 1] = content
        return view
      end
    end
  end

  function handle.respond(_, headers, text)
    assert(not reply, 'one answer only')
    reply = { headers[':status'], text }
  end

  -- What the next one gets: what the filter took in hand, and what it left alone.
  local function body()
    local texts = {}
    for _, content in ipairs(sent) do
      texts[#texts + 1] = content.text
    end
    return table.concat(texts) .. table.concat(pieces)
  end

  return handle, body, function()
    if reply then
      return reply[1], reply[2]
    end
  end
end
