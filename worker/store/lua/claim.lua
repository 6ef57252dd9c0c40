#!lua flags=allow-oom
--[[
  Claim ready sessions without admitting anything: what a worker calls while Redis is full, so that it can drain.

  KEYS[1]  bell_key      stream  wakes idle workers
  KEYS[2]  ready_key     list    sids with waiting requests and no holder
  KEYS[3]  delayed_key   zset    sids that wait for a retry, score = due ms
  KEYS[4]  sessions_key  zset    idle sids, score = when they expire, ms
  KEYS[5]  workers_key   zset    live workers, score = lease end, ms
  KEYS[6]  suspects_key  list    reclaimed sids whose head was tried before
  KEYS[7]  swarms_key    hash    swarm -> settings (JSON)
  KEYS[8]  held_key      set     sids this worker holds
  KEYS[9]  ops_key       hash    last operation number and answer per kind of this worker

  ARGV[1]  base           string  what every key of the shard begins with
  ARGV[2]  worker_id      string  who claims
  ARGV[3]  op_number      int     number of this claim
  ARGV[4]  nonce          string  random part of the new fences
  ARGV[5]  free_slots     int     sessions to claim at most
  ARGV[6]  suspect_slots  int     suspects to claim at most
  ARGV[7]  lease_ms       int     lease of a worker
  ARGV[8]  swarms         string  names of the swarms this worker serves, each followed by a comma
  ARGV[9]  kept_since_us  int     what this worker released later than that, by Redis' clock, it still remembers

  Returns  as admit_and_claim
]]
local bell_key, ready_key, delayed_key, sessions_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local workers_key, suspects_key, swarms_key, held_key, ops_key = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local base, worker_id, op_number, nonce = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local free_slots, suspect_slots, lease_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local swarms, kept_since_us = ARGV[8], tonumber(ARGV[9])
local serves = {}
for swarm_name in string.gmatch(swarms, '[^,]+') do
  serves[swarm_name] = true
end

--#include calls
--#include prefixes
--#include clock
--#body
--#include chunks
--#include settings
--#include session
--#include backstop
--#include reclaim
--#include short_history
--#include claiming
--#include claim_call

local refusal, since = check_claim()
if refusal then
  return refusal
end
local reclaimed = reclaim_dead_workers(since, lease_ms)
return finish_claim(0, reclaimed, {}, {})
