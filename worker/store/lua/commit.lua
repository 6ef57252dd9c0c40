#!lua flags=allow-oom
--[[
  Commit finished turns of one shard: session, history, result, outbox, events, publish; then release or keep.

  Lua is not rolled back, so all checks of all items come before the first write. Only the types of history and outbox
  show when they are written to, which an item does first and can take back. One bad item hurts no other.

  KEYS[1] workers_key   zset    live workers, score = lease end, ms
  KEYS[2] ops_key       hash    last operation number and answer per kind of this worker
  KEYS[3] held_key      set     sids this worker holds
  KEYS[4] ready_key     list    sids with waiting requests and no holder
  KEYS[5] sessions_key  zset    idle sids, score = when they expire, ms
  KEYS[6] bell_key      stream  wakes idle workers
  KEYS[7] dead_key      stream  dead letters
  KEYS[8] events_key    stream  bus events, one entry per committed turn
  KEYS[9] bans_key      set     index of all bans: <policy>:<sid>
  KEYS[10] delayed_key  zset    sids whose head waits, score = due ms

  ARGV[1]  base           string  what every key of the shard begins with
  ARGV[2]  worker_id      string  who commits
  ARGV[3]  op_number      int     number of this commit
  ARGV[4]  grace_ms       int     idle keys live this much longer than the session's TTL
  ARGV[5]  result_ttl_ms  int     how long terminal replies are kept
  ARGV[6]  outbox_max     int     about how many items an outbox keeps
  ARGV[7]  history_max    int     how many records a history keeps at most
  ARGV[8]  events_max     int     about how many turns the events stream keeps; 0 = no stream
  ARGV[9]  dead_max       int     about how many dead letters are kept
  ARGV[10] items          int     how many items follow, each: see includes/commit_items.lua

  Returns  {'ok', {status, ...}, {sid with control waiting, ...}, PUBLISH calls that reached nobody}, status = ok, fenced,
           moved (its request is not at the head) or wrong_type; {'unregistered'} when the worker has no lease; {'stale'}
           when op_number is an old one
]]
local workers_key, ops_key, held_key, ready_key, sessions_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local bell_key, dead_key, events_key, bans_key, delayed_key = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local base, worker_id, op_number, op_kind = ARGV[1], ARGV[2], tonumber(ARGV[3]), 'commit'
local grace_ms, result_ttl_ms, outbox_max, history_max = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local events_max, dead_max = ARGV[8], ARGV[9]
local FIRST_ITEM = 11

--#include calls
--#include prefixes
--#include clock
--#body
--#include chunks
--#include record_parts
--#include commit_items
--#include fenced
--#include backstop
--#include send
--#include commit_check
--#include bell
--#include short_history
--#include commit_write

local refusal = check_op()
if refusal then
  return refusal
end
check_indexes()
local statuses, passed = {}, {}
for i = 1, tonumber(ARGV[10]) do
  local item = take_item(i)
  statuses[i] = check_item(item)
  if statuses[i] == 'ok' then
    passed[#passed + 1] = item
  end
end
for i = 1, #passed do
  statuses[passed[i].number] = write_item(passed[i])
end
write_shared()
return finish_op(statuses)
