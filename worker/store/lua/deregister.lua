#!lua flags=allow-oom
--[[
  End the lease of a worker that has handed everything back; whatever it still holds is given back like a dead worker's.

  KEYS[1] workers_key   zset    live workers, score = lease end, ms
  KEYS[2] ops_key       hash    last operation number and answer per kind of this worker
  KEYS[3] ready_key     list    sids with waiting requests and no holder
  KEYS[4] suspects_key  list    reclaimed sids whose head was tried before
  KEYS[5] bell_key      stream  wakes idle workers

  ARGV[1] base       string  what every key of the shard begins with
  ARGV[2] worker_id  string  who leaves

  Returns  how many sessions were given back
]]
local workers_key, ops_key, ready_key, suspects_key, bell_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local base, worker_id = ARGV[1], ARGV[2]

--#include calls
--#include prefixes
--#include clock
--#include backstop
--#include reclaim

check_lines()
call('ZCARD', workers_key)
call('HGET', ops_key, 'since')
local given_back = give_back_all(worker_id)
call('DEL', ops_key)
call('ZREM', workers_key, worker_id)
if given_back > 0 then
  ring_bell()
end
return given_back
