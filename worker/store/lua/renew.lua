#!lua flags=allow-oom
--[[
  Extend the lease of a worker, or begin it, and reclaim from workers whose lease is over.

  The lease is valid while the worker is a member of workers_key, whatever the score: after an outage a worker whose
  sids nobody took goes on. `since` begins anew whenever the row of renewals had a gap.

  KEYS[1] workers_key   zset    live workers, score = lease end, ms
  KEYS[2] ops_key       hash    last operation number and answer per kind of this worker
  KEYS[3] ready_key     list    sids with waiting requests and no holder
  KEYS[4] suspects_key  list    reclaimed sids whose head was tried before
  KEYS[5] bell_key      stream  wakes idle workers

  ARGV[1] base       string  what every key of the shard begins with
  ARGV[2] worker_id  string  who renews
  ARGV[3] lease_ms   int     how long the lease is
  ARGV[4] register   int     1 = begin the lease if there is none

  Returns  {'ok' | 'unregistered', now_ms, reclaimed, {sid with control waiting, ...}}
]]
local workers_key, ops_key, ready_key, suspects_key, bell_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local base, worker_id, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])

--#include calls
--#include prefixes
--#include clock
--#include backstop
--#include reclaim
--#include hints

-- Now and then: what this worker has held since the last time may go on for long, so it must not expire meanwhile.
local function persist_held_for_long()
  if (tonumber(call('HGET', ops_key, 'persisted')) or 0) > now_ms - 60000 then
    return
  end
  call('HSET', ops_key, 'persisted', now_text)
  for _, sid in ipairs(call('SMEMBERS', held_key_prefix .. worker_id)) do
    local expires = try('HGET', session_key_prefix .. sid, 'expires')
    if type(expires) == 'string' then
      persist_held(sid, expires)
    end
  end
end

local lease_end = tonumber(call('ZSCORE', workers_key, worker_id))
if not lease_end and ARGV[4] ~= '1' then
  return { 'unregistered', now_text, 0, {} }
end
check_lines()
local since = tonumber(call('HGET', ops_key, 'since'))
if not lease_end then
  -- A worker that begins a lease holds nothing any more: what is still noted as held would be held for ever.
  give_back_all(worker_id)
end
call('ZADD', workers_key, now_ms + lease_ms, worker_id)
-- A lease end beyond what this worker could have set means that the server's clock was put back.
if not since or not lease_end or not is_unbroken(lease_end - lease_ms, lease_ms) then
  since = now_ms
  call('HSET', ops_key, 'since', now_text)
end
call('PEXPIRE', ops_key, 3600000)
persist_held_for_long()
local reclaimed = reclaim_dead_workers(since, lease_ms)
if reclaimed > 0 then
  ring_bell()
end
return { 'ok', now_text, reclaimed, take_hints() }
