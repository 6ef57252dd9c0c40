-- Take everything from workers whose lease is over. `since` is when the caller's own unbroken row of renewals began:
-- after an outage of Redis every lease looks expired although the workers live, so nobody takes from anybody before
-- having renewed without a break for one whole lease.
local function give_back(sid, worker_id)
  local session_key = session_key_prefix .. sid
  local held = redis.call('HMGET', session_key, 'holder', 'fence', 'attempts')
  if held[1] ~= worker_id then
    return false
  end
  -- The nonce goes, so the old holder's fence matches nothing from here on, even before the next claim.
  redis.call('HSET', session_key, 'status', 'ready', 'holder', '', 'fence', string.match(held[2], '^%d+') .. '-')
  if (tonumber(held[3]) or 0) > 0 then
    -- Its head request was being tried when the holder died. It may be what killed it, so it must not run next to
    -- innocent sessions again: suspects are claimed one at a time.
    redis.call('RPUSH', suspects_key, sid)
  else
    redis.call('LPUSH', ready_key, sid)
  end
  return true
end

local function reclaim_dead_workers(since, lease_ms)
  local reclaimed = 0
  if not since or now_ms - since < lease_ms then
    return reclaimed
  end
  local dead_workers = redis.call('ZRANGEBYSCORE', workers_key, '-inf', '(' .. now_text)
  for _, worker_id in ipairs(dead_workers) do
    redis.call('ZREM', workers_key, worker_id)
    local held_key = held_key_prefix .. worker_id
    for _, sid in ipairs(redis.call('SMEMBERS', held_key)) do
      if give_back(sid, worker_id) then
        reclaimed = reclaimed + 1
      end
    end
    redis.call('DEL', held_key)
  end
  return reclaimed
end

local function ring_bell()
  redis.call('XADD', bell_key, 'MAXLEN', '1', '*', 'b', '1')
end
