#!lua
--[[
  Admit new entries of the requests stream into mailboxes, reclaim from dead workers, then claim ready sessions.

  Any worker may call it at any time: order comes from the stream, atomicity from the script. Refused before any write
  when Redis is full (no allow-oom); the worker then calls `claim`, so what was accepted still drains.

  KEYS[1]  requests_key  stream  ingress
  KEYS[2]  bell_key      stream  wakes idle workers
  KEYS[3]  ready_key     list    sids with waiting requests and no holder
  KEYS[4]  delayed_key   zset    sids that wait for a retry, score = due ms
  KEYS[5]  sessions_key  zset    idle sids, score = when they expire, ms
  KEYS[6]  workers_key   zset    live workers, score = lease end, ms
  KEYS[7]  suspects_key  list    reclaimed sids whose head was tried before
  KEYS[8]  swarms_key    hash    swarm -> settings (JSON)
  KEYS[9]  cursor_key    hash    id of the last admitted entry, entries read
  KEYS[10] dead_key      stream  dead letters
  KEYS[11] held_key      set     sids this worker holds
  KEYS[12] ops_key       hash    last operation number and answer per kind of this worker

  ARGV[1]  base            string  what every key of the shard begins with
  ARGV[2]  worker_id       string  who claims
  ARGV[3]  op_number       int     number of this claim; the same number again gets the same sessions again
  ARGV[4]  nonce           string  random part of the new fences
  ARGV[5]  free_slots      int     sessions to claim at most; 0 admits only
  ARGV[6]  suspect_slots   int     suspects to claim at most
  ARGV[7]  lease_ms        int     lease of a worker
  ARGV[8]  admit_max       int     entries to admit at most
  ARGV[9]  shard           int     number of this shard
  ARGV[10] shards          int     how many there are
  ARGV[11] body_max_bytes  int     larger bodies are buried
  ARGV[12] result_ttl_ms   int     how long the replies written here live
  ARGV[13] dead_max        int     about how many dead letters are kept
  ARGV[14] swarms          string  names of the swarms this worker serves, each followed by a comma
  ARGV[15] kept_since_us   int     what this worker released later than that, by Redis' clock, it still remembers

  Returns  {'ok', now_ms, admitted, reclaimed, redelivered, {verdict, count, ...}, {session, ...},
            {sid set aside, its unreadable key, ...}}
           {'unregistered'} when the worker has no lease, {'stale'} when op_number is an old one, {'unannounced'}
           when Redis has lost what the worker said of its swarms
]]
local requests_key, bell_key, ready_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sessions_key, workers_key, suspects_key, swarms_key = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local cursor_key, dead_key, held_key, ops_key = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local base, worker_id, op_number, nonce = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local free_slots, suspect_slots, lease_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local admit_max, shard, shards, body_max_bytes = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local result_ttl_ms, dead_max = ARGV[12], ARGV[13]
local swarms, kept_since_us = ARGV[14], tonumber(ARGV[15])
local serves = {}
for swarm_name in string.gmatch(swarms, '[^,]+') do
  serves[swarm_name] = true
end

--#include calls
--#include prefixes
--#include clock
--#body
--#include chunks
--#include record
--#include names
--#include replies
--#include settings
--#include session
--#include backstop
--#include reclaim
--#include admission
--#include short_history
--#include claiming
--#include claim_call

local refusal, since = check_claim()
if refusal then
  return refusal
elseif not is_announced then
  return { 'unannounced' } -- to admit now would refuse what came for these swarms
end
check_ingress()
local reclaimed = reclaim_dead_workers(since, lease_ms)
local admitted = admit_entries(admit_max)
return finish_claim(admitted, reclaimed, woken, verdicts)
