-- What one call knows of a session: read once, with its key names, since in Lua every new string costs.
local sessions = {} -- sid -> session

local function open_session(sid, swarm_name, found)
  local session = {
    sid = sid, swarm_name = swarm_name, key = session_key_prefix .. sid, mailbox_key = mailbox_key_prefix .. sid,
    history_key = history_key_prefix .. sid, outbox_key = outbox_key_prefix .. sid, waiting = false,
    status = found[1], fence = found[2], attempts = tonumber(found[3]) or 0, turn = found[4], records = found[5],
    holder = found[6], seq = found[7], control = found[8], disposing = found[9],
  }
  sessions[sid] = session
  return session
end

-- Returns nil when the key is no hash.
local function read_session(sid, swarm_name)
  local session = sessions[sid]
  if session then
    return session
  end
  local found = try('HMGET', session_key_prefix .. sid, 'status', 'fence', 'attempts', 'turn', 'records', 'holder',
    'seq', 'control', 'disposing')
  if found.err then
    return nil
  end
  return open_session(sid, swarm_name or match(sid, '^[^:]*'), found)
end
