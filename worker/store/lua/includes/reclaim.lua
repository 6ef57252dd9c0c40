-- Take everything from workers whose lease is over. `since` is when the caller's own unbroken row of renewals began:
-- after an outage of Redis every lease looks expired although the workers live, so nobody takes from anybody before
-- having renewed without a break for one whole lease. A renewal that comes half a lease after the one before follows an
-- outage, however short: others may just have missed more of theirs.
local function is_unbroken(last_ms, lease_ms)
  return last_ms <= now_ms and now_ms - last_ms <= lease_ms / 2
end

--#include afresh

-- All workers were away for longer than the session lived.
local function begin_afresh_if_waiting(sid)
  local has_control = call('EXISTS', control_key_prefix .. sid) == 1
  if not has_control and call('EXISTS', mailbox_key_prefix .. sid) == 0 then
    return false
  end
  begin_afresh(sid, has_control)
  call('RPUSH', ready_key, sid)
  return true
end

-- A session lost for the first time runs again at once, at the front of the line. One that was lost before may hold the
-- request that kills workers: it becomes a suspect, and a worker holds one suspect at a time, so it takes no innocent
-- session down again. Sessions lost for the second time together share the blame, and none of them is charged for it.
local function give_back(sid, worker_id, shared)
  local session_key = session_key_prefix .. sid
  local held = try('HMGET', session_key, 'holder', 'fence', 'attempts', 'expires')
  if held.err then
    call('RPUSH', ready_key, sid) -- damaged: the next claim sets it aside
    return false
  elseif not held[1] then
    return begin_afresh_if_waiting(sid)
  elseif held[1] ~= worker_id then
    return false
  end
  persist_held(sid, held[4])
  -- The nonce goes, so the old holder's fence matches nothing from here on, even before the next claim.
  local attempts = tonumber(held[3]) or 0
  call(attempts > 1 and 'RPUSH' or 'LPUSH', attempts > 1 and suspects_key or ready_key, sid)
  if attempts == 2 and shared then
    attempts = 1
  end
  call('HSET', session_key, 'status', 'ready', 'holder', '', 'fence', match(held[2] or '', '^%d*') .. '-',
    'attempts', attempts)
  return true
end

-- Tell whether a worker held more than one session that had been lost before.
local function shares_blame(sids)
  local lost_before = 0
  for _, sid in ipairs(sids) do
    local attempts = try('HGET', session_key_prefix .. sid, 'attempts')
    if type(attempts) == 'string' and (tonumber(attempts) or 0) > 1 then
      lost_before = lost_before + 1
    end
  end
  return lost_before > 1
end

-- Where sessions go that are given back: a wrong type must raise its error before the first of them is written.
local function check_lines()
  call('LLEN', ready_key)
  call('LLEN', suspects_key)
  call('XLEN', bell_key)
end

-- Returns how many sessions were given back.
local function give_back_all(worker_id)
  local held_key, given_back = held_key_prefix .. worker_id, 0
  local sids = call('SMEMBERS', held_key)
  local shared = shares_blame(sids)
  for _, sid in ipairs(sids) do
    if give_back(sid, worker_id, shared) then
      given_back = given_back + 1
    end
  end
  call('DEL', held_key)
  return given_back
end

local function reclaim_dead_workers(since, lease_ms)
  local reclaimed = 0
  if not since or now_ms - since < lease_ms then
    return reclaimed
  end
  local dead_workers = call('ZRANGEBYSCORE', workers_key, '-inf', '(' .. now_text)
  for _, worker_id in ipairs(dead_workers) do
    -- In this order, since the list of what it held may be damaged: then an operator must see both.
    reclaimed = reclaimed + give_back_all(worker_id)
    call('ZREM', workers_key, worker_id)
  end
  return reclaimed
end

--#include bell
