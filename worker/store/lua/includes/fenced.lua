-- The frame of fenced calls (commit, flush, release): operation number, lease, then each item's own fence.
-- Needs worker_id, op_number, op_kind.
local unheard = 0 -- PUBLISH calls that nobody listened to, for metrics

-- Returns an answer to give at once: the kept one when this very call was applied before, or a refusal.
local function check_op()
  local ops = call('HMGET', ops_key, op_kind, op_kind .. '_answer')
  local last_number = tonumber(ops[1]) or 0
  if op_number == last_number then
    local statuses = {}
    for status in string.gmatch(ops[2], '[^,]+') do
      statuses[#statuses + 1] = status
    end
    return { 'ok', statuses, {}, tonumber(table.remove(statuses)) }
  elseif op_number < last_number then
    return { 'stale' }
  elseif not call('ZSCORE', workers_key, worker_id) then
    return { 'unregistered' }
  end
end

--#include hints

local function finish_op(statuses)
  call('HSET', ops_key, op_kind, op_number, op_kind .. '_answer', table.concat(statuses, ',') .. ',' .. unheard)
  return { 'ok', statuses, take_hints(), unheard }
end

-- What one call knows of a session that its caller holds; read once, the turns of one session build on each other.
local held_sessions = {} -- sid -> session

local function read_held(sid)
  local key = session_key_prefix .. sid
  local found = try('HMGET', key, 'status', 'fence', 'seq', 'turn', 'control', 'expires')
  if found.err then
    return nil
  end
  local session = {
    sid = sid, key = key, status = found[1], fence = found[2], seq = numbers[found[3]] or read_number(found[3]), seq_text = found[3] or '0',
    turn = found[4], control = found[5], expires = found[6], mailbox_popped = 0, control_popped = 0,
    outbox_key = outbox_key_prefix .. sid, sent = 0, has_new_key = false, broken = false,
  }
  held_sessions[sid] = session
  return session
end

-- A paused worker that wakes up is stopped here: its session may already have a younger holder with another fence, and
-- the late turn must not overwrite what that holder did.
local function fenced_session(sid, fence)
  local session = held_sessions[sid] or read_held(sid)
  if not session then
    return nil, 'wrong_type'
  elseif session.fence ~= fence or session.status ~= 'held' and session.status ~= 'disposing' or session.broken then
    return nil, 'fenced'
  end
  return session
end
