-- What one call knows of a session: read once. Few names and fields, since every new string costs, and a table of more
-- than 16 fields twice as much as one of 16.
local sessions = {} -- sid -> session

-- Returns nil when the key is no hash.
local function read_session(sid, swarm_name)
  local session = sessions[sid]
  if session then
    return session
  end
  local key = session_key_prefix .. sid
  local found = try('HMGET', key, 'status', 'fence', 'attempts', 'turn', 'holder', 'seq', 'control', 'disposing', 'expires')
  if found.err then
    return nil
  end
  session = {
    sid = sid, swarm_name = swarm_name or match(sid, '^[^:]*'), key = key, mailbox_key = mailbox_key_prefix .. sid,
    waiting = false, status = found[1], fence = found[2], attempts = numbers[found[3]] or read_number(found[3]),
    turn = found[4], holder = found[5], seq = found[6], control = found[7], disposing = found[8], expires = found[9],
  }
  sessions[sid] = session
  return session
end
