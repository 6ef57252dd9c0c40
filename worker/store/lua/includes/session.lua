-- What one call knows of a session: read once, with its key names, since in Lua every new string costs.
local sessions = {} -- sid -> session

local function open_session(sid, found)
  local colon = string.find(sid, ':', 1, true)
  local session = {
    sid = sid, swarm_name = string.sub(sid, 1, colon - 1), key = session_key_prefix .. sid,
    mailbox_key = mailbox_key_prefix .. sid, history_key = history_key_prefix .. sid, outbox_key = outbox_key_prefix .. sid,
    status = found[1], fence = found[2], attempts = tonumber(found[3]) or 0, turn = found[4], records = found[5],
    seq = tonumber(found[6]) or 0, control = found[7], holder = found[8], disposing = found[9],
    due_ms = tonumber(found[10]) or 0, throttled_at_ms = tonumber(found[11]) or 0,
  }
  sessions[sid] = session
  return session
end

-- Returns nil when the key is no hash.
local function read_session(sid)
  local session = sessions[sid]
  if session then
    return session
  end
  local found = try('HMGET', session_key_prefix .. sid, 'status', 'fence', 'attempts', 'turn', 'records', 'seq',
    'control', 'holder', 'disposing', 'due_ms', 'throttled_at_ms')
  if found.err then
    return nil
  end
  return open_session(sid, found)
end
