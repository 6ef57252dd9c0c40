-- Take ready sessions for one worker: a new fence each, and what it needs to run their turns.
-- Needs worker_id, op_number, nonce, free_slots, suspect_slots, serves, kept_since_us, since and settings_of.
local MAX_REQUESTS = 16            -- of one session in one claim; it goes to the back of the line after those
local MAX_BYTES = 1048576          -- of one session's mailbox in one claim
local MAX_ANSWER_BYTES = 4194304   -- of the whole answer; what is left is claimed by the next call
local RETRY_DAMAGED_MS = 60000     -- when a session that can't be read is tried again
local NOTHING = {}                 -- one empty list for all that have none

local answer_bytes = 0
local claimed, claimed_sids, handed_back = {}, {}, {}
local redelivered = 0
local unreadable = false           -- the key of the session at hand that could not be read
local aside = {}                   -- sid, key of each session that was set aside

local function read(command, key, ...)
  local found = try(command, key, ...)
  if type(found) == 'table' and found.err then
    unreadable = key
    return NOTHING
  end
  return found
end

local function within_limit(records)
  local bytes = 0
  for i = 1, #records do -- ipairs calls a function for each
    bytes = bytes + #records[i]
    if i > MAX_REQUESTS or bytes > MAX_BYTES and i > 1 then
      for j = #records, i, -1 do
        records[j] = nil
      end
      break
    end
  end
  answer_bytes = answer_bytes + bytes
  return records
end

-- A head that waits for its next try keeps its due time, also when control wakes its session.
local function is_delayed(session)
  return (tonumber(call('ZSCORE', delayed_key, session.sid)) or 0) > now_ms
end

local function waiting_requests(session)
  if session.control and is_delayed(session) then
    return NOTHING
  end
  -- What was admitted in this very call need not be read again.
  return within_limit(session.waiting or read('LRANGE', session.mailbox_key, '0', MAX_REQUESTS - 1))
end

-- A session whose last holder was this very worker, and not long ago, is still in its memory: nobody else has written
-- to it since, or that holder's name would be there. Any doubt is the worker's to raise: it repeats the claim.
local function is_kept(session)
  return session.holder == worker_id and session.turn and (numbers[session.seq] or read_number(session.seq)) > kept_since_us
end

local function read_history(session, window)
  local history_key = history_key_prefix .. session.sid
  if session.turn == '1' then
    local one, two = short_records(history_key)
    if one then
      return { one, two }
    end
  end
  return read('LRANGE', history_key, -window, '-1')
end

-- What is stored of a session that its holder does not remember: see `_read_stored` in worker/store/claims.py. Only for a
-- head that was begun before there is a fifth part.
local function stored_of(session)
  local sid, turn = session.sid, session.turn
  local settings = settings_of(session.swarm_name) or NOTHING
  local window = settings.history_window or 16
  -- A session without a turn has a document if its first turn is parked and somebody brought the answer.
  local document = (turn or session.holder == '') and read('HGET', session.key, 'document') or ''
  local history = turn and window > 0 and read_history(session, window) or NOTHING
  local banned = settings.has_policies and read('SMEMBERS', banned_key_prefix .. sid) or NOTHING
  answer_bytes = answer_bytes + #document
  if session.attempts <= 1 and session.holder ~= '' then
    return { document, history, banned, NOTHING }
  end
  -- A turn that was begun before may have a journal: its holder died, or gave it back and left no name behind.
  local journal = read('HGETALL', journal_key_prefix .. sid)
  local begun = read('HMGET', session.key, 'handbacks', 'retries')
  -- Its commit may have been refused for a key that a plain claim does not read: don't run it for nothing once more.
  read_history(session, 1)
  read('XLEN', outbox_key_prefix .. sid)
  read('SCARD', banned_key_prefix .. sid)
  return { document, history, banned, journal, begun }
end

-- Everything the holder needs, by position: see `parse_session` in worker/store/claims.py. Redis looks into each table
-- seven times before it takes it for a list: the requests come last, one by one, and 0 stands for a list not needed.
local function describe(session, mailbox, is_suspect)
  local control = session.control and read('LRANGE', control_key_prefix .. session.sid, '0', '-1')
  local description = {
    session.sid, session.fence, session.attempts, is_suspect and 1 or 0, session.turn or '0',
    control and control[1] and control or 0, is_kept(session) and 0 or stored_of(session), mailbox[1],
  }
  for i = 2, #mailbox do
    description[7 + i] = mailbox[i]
  end
  return description
end

-- Nobody takes the session in this call.
local function wait_on(session, status)
  persist_held(session.sid, session.expires)
  call('HSET', session.key, 'status', status)
end

-- A key of the session was overwritten by somebody. It must not stop the line: it is tried again later, mended or not.
local function set_aside(sid, session, key)
  call('ZADD', delayed_key, now_ms + RETRY_DAMAGED_MS, sid)
  aside[#aside + 1], aside[#aside + 2] = sid, key
  if session then
    session.status = 'delayed'
    wait_on(session, 'delayed')
  end
end

local function hold(session, description)
  if session.attempts > 1 then
    redelivered = redelivered + 1
  end
  session.status = session.disposing and 'disposing' or 'held'
  call('HSET', session.key, 'status', session.status, 'fence', session.fence, 'holder', worker_id, 'attempts',
    session.attempts == 1 and '1' or session.attempts)
  claimed_sids[#claimed_sids + 1] = session.sid
  claimed[#claimed + 1] = description
end

-- Somebody took away what waited in the session: it goes on waiting for its retry, or its time to live begins anew.
local function let_rest(session)
  call('HDEL', session.key, 'control')
  if call('ZSCORE', delayed_key, session.sid) then
    call('HSET', session.key, 'status', 'delayed')
  elseif session.turn then
    local ttl_ms = (settings_of(session.swarm_name) or NOTHING).ttl_ms or 0
    local life_ms = ttl_ms + LONGEST_WAIT_MS
    call('HSET', session.key, 'status', 'idle', 'expires', integer(now_ms + life_ms))
    call('ZADD', sessions_key, now_ms + ttl_ms, session.sid)
    expire(session.sid, life_ms)
  else
    call('DEL', session.key)
  end
end

local next_fences = {} -- fence -> the one after it: sessions that were claimed together have the same

local function next_fence(fence)
  local number = tonumber(match(fence or '', '^%d+')) or 0
  local following = number + 1 .. '-' .. nonce
  next_fences[fence] = following
  return following
end

local function claim(sid, session, is_suspect)
  if not session then
    return set_aside(sid, nil, session_key_prefix .. sid)
  elseif session.status ~= 'ready' then
    return -- disposed, or held by somebody
  end
  if not serves[session.swarm_name] then
    handed_back[#handed_back + 1] = session.sid
    return wait_on(session, 'ready')
  end
  unreadable = false
  local mailbox = waiting_requests(session)
  session.fence = next_fences[session.fence] or next_fence(session.fence)
  if mailbox[1] then
    session.attempts = session.attempts + 1 -- counted before it runs, so that a request which kills workers is found out
  end
  local description = describe(session, mailbox, is_suspect)
  if unreadable then
    return set_aside(sid, session, unreadable)
  elseif not mailbox[1] and description[6] == 0 then
    return let_rest(session)
  end
  hold(session, description)
end

-- The status that a session has when its time has come; an operator may have mended its key, or deleted or restored it.
local function status_when_due(sid)
  local found = try('HMGET', session_key_prefix .. sid, 'status', 'holder')
  if found.err then
    return nil -- still no hash: the claim sets it aside again
  elseif not found[1] and call('EXISTS', mailbox_key_prefix .. sid, control_key_prefix .. sid) > 0 then
    return 'delayed'
  elseif found[1] == 'held' and call('SISMEMBER', held_key_prefix .. found[2], sid) == 0 then
    return 'delayed'
  end
  return found[1]
end

-- Sessions whose time has come join the line.
local function wake_delayed()
  local due = call('ZRANGEBYSCORE', delayed_key, '-inf', now_text, 'LIMIT', '0', '100')
  for _, sid in ipairs(due) do
    call('ZREM', delayed_key, sid)
    local status = status_when_due(sid)
    if status == 'delayed' then
      call('HSET', session_key_prefix .. sid, 'status', 'ready')
    end
    if not (status == false or status == 'idle' or status == 'held' or status == 'disposing') then
      call('RPUSH', ready_key, sid)
    end
  end
end

local function wants_more()
  return #claimed_sids < free_slots and answer_bytes < MAX_ANSWER_BYTES
end

local function claim_from(list_key, limit, is_suspect)
  local taken = 0
  while taken < limit and wants_more() do
    local sids = call('LPOP', list_key, math.min(limit - taken, free_slots - #claimed_sids, 64))
    if not sids then
      return
    end
    for _, sid in ipairs(sids) do
      claim(sid, read_session(sid), is_suspect)
    end
    taken = taken + #sids
  end
end

-- `woken` are sessions that became ready in this very call; those not claimed join the line at its end.
local function claim_sessions(woken)
  wake_delayed()
  claim_from(suspects_key, suspect_slots, true)
  local suspects = #claimed_sids
  claim_from(ready_key, free_slots, false)
  local waiting, woken_sids = {}, {}
  for i = 1, #woken do
    local session = woken[i]
    woken_sids[i] = session.sid
    if wants_more() then
      claim(session.sid, session, false)
    else
      wait_on(session, 'ready')
      waiting[#waiting + 1] = session.sid
    end
  end
  call_in_chunks('RPUSH', ready_key, handed_back)
  call_in_chunks('RPUSH', ready_key, waiting)
  call_in_chunks('SADD', held_key, claimed_sids)
  call_in_chunks('ZREM', sessions_key, woken_sids)
  -- Chain the waking: whoever took part of the work, or made work it does not take, wakes the next worker.
  if #waiting > 0 or #claimed_sids > 0 and call('LLEN', ready_key) > #handed_back
      or suspects > 0 and call('LLEN', suspects_key) > 0 then
    ring_bell()
  end
end

-- The reply of this very call was lost, or the worker's memory had less than it seemed: the sessions that the call
-- claimed are still held, so hand them out again, with all there is.
local function repeat_claim(sids)
  for sid in string.gmatch(sids, '[^\n]+') do
    local session = read_session(sid)
    if session and session.holder == worker_id and (session.status == 'held' or session.status == 'disposing') then
      unreadable = false
      session.holder = '' -- whatever it was before the lost call: look for a journal
      local description = describe(session, waiting_requests(session), session.attempts > 2)
      claimed[#claimed + 1] = not unreadable and description or nil
    end
  end
end
