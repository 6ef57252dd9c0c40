-- The frame of fenced calls (commit, flush, release): operation number, lease, then each item's own fence.
-- Needs worker_id, op_number, op_kind.
local sessions = {} -- sid -> what this call knows of a session; several items may name the same one

-- Returns an answer to give at once: the kept one when this very call was applied before, or a refusal.
local function check_op()
  local ops = redis.call('HMGET', ops_key, op_kind, op_kind .. '_answer')
  local last_number = tonumber(ops[1]) or 0
  if op_number == last_number then
    local statuses = {}
    for status in string.gmatch(ops[2], '[^,]+') do
      statuses[#statuses + 1] = status
    end
    return { 'ok', statuses, {} }
  elseif op_number < last_number then
    return { 'stale' }
  elseif not redis.call('ZSCORE', workers_key, worker_id) then
    return { 'unregistered' }
  end
end

-- Sids of this worker that have control waiting, as admission noted them; read once, then forgotten.
local function take_hints()
  local hints = redis.call('HGET', ops_key, 'hints')
  if not hints then
    return {}
  end
  redis.call('HDEL', ops_key, 'hints')
  local sids = {}
  for sid in string.gmatch(hints, '[^\n]+') do
    sids[#sids + 1] = sid
  end
  return sids
end

local function finish_op(statuses)
  redis.call('HSET', ops_key, op_kind, op_number, op_kind .. '_answer', table.concat(statuses, ','))
  return { 'ok', statuses, take_hints() }
end

-- Read a session once per call. A paused worker that wakes up is stopped here: its session may already have a younger
-- holder with another fence, and the late turn must not overwrite what that holder did.
local function fenced_session(sid, fence)
  local session = sessions[sid]
  if not session then
    local found = redis.pcall('HMGET', session_key_prefix .. sid, 'fence', 'status', 'seq', 'turn', 'control', 'due_ms')
    if found.err then
      return nil, 'wrong_type'
    end
    session = {
      fence = found[1], status = found[2], seq = tonumber(found[3]) or 0, turn = found[4], control = found[5],
      due_ms = tonumber(found[6]) or 0, popped = { mailbox = 0, control = 0 },
    }
    sessions[sid] = session
  end
  if session.fence ~= fence or session.status ~= 'held' and session.status ~= 'disposing' or session.broken then
    return nil, 'fenced'
  end
  return session
end
