#!lua flags=allow-oom
--[[
  Reclaim from workers whose lease is over: the second line of defence, called by housekeeping from time to time.

  The caller has no lease of its own, so its continuity is kept here: two calls further apart than half a lease begin it anew.

  KEYS[1] workers_key   zset    live workers, score = lease end, ms
  KEYS[2] ops_key       hash    continuity of the caller: fields since and seen
  KEYS[3] ready_key     list    sids with waiting requests and no holder
  KEYS[4] suspects_key  list    reclaimed sids whose head was tried before
  KEYS[5] bell_key      stream  wakes idle workers

  ARGV[1] base      string  what every key of the shard begins with
  ARGV[2] lease_ms  int     lease of a worker

  Returns  how many sessions were given back
]]
local workers_key, ops_key, ready_key, suspects_key, bell_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local base, lease_ms = ARGV[1], tonumber(ARGV[2])

--#include calls
--#include prefixes
--#include clock
--#include backstop
--#include reclaim

check_lines()
call('ZCARD', workers_key)
local known = call('HMGET', ops_key, 'since', 'seen')
local since, seen = tonumber(known[1]), tonumber(known[2])
if not since or not seen or not is_unbroken(seen, lease_ms) then
  since = now_ms
end
call('HSET', ops_key, 'since', integer(since), 'seen', now_text)
call('PEXPIRE', ops_key, 3600000)
local reclaimed = reclaim_dead_workers(since, lease_ms)
if reclaimed > 0 then
  ring_bell()
end
return reclaimed
