#!lua flags=allow-oom
--[[
  Hand back sessions whose turn did not end (drain): ready again at once, at the front, and no attempt is charged.

  KEYS[1] workers_key   zset    live workers, score = lease end, ms
  KEYS[2] ops_key       hash    last operation number and answer per kind of this worker
  KEYS[3] held_key      set     sids this worker holds
  KEYS[4] ready_key     list    sids with waiting requests and no holder
  KEYS[5] suspects_key  list    reclaimed sids whose head was tried before
  KEYS[6] bell_key      stream  wakes idle workers

  ARGV[1] base       string  what every key of the shard begins with
  ARGV[2] worker_id  string  who hands back
  ARGV[3] op_number  int     number of this release
  ARGV[4] items      int     how many items follow, each: sid, fence

  Returns  as commit: {'ok', {status, ...}, {sid with control waiting, ...}}, {'unregistered'} or {'stale'}
]]
local workers_key, ops_key, held_key, ready_key, suspects_key, bell_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local base, worker_id, op_number, op_kind = ARGV[1], ARGV[2], tonumber(ARGV[3]), 'release'
local FIRST_ITEM = 5

--#include calls
--#include prefixes
--#include arguments
--#include fenced
--#include bell

local refusal = check_op()
if refusal then
  return refusal
end
local statuses, passed = {}, {}
for i = 1, tonumber(ARGV[4]) do
  local sid, fence = take(), take()
  local session, failure = fenced_session(sid, fence)
  statuses[i] = session and 'ok' or failure
  if session then
    passed[#passed + 1] = { sid = sid, fence = fence }
  end
end
for _, item in ipairs(passed) do
  local session_key = session_key_prefix .. item.sid
  local attempts = math.max((tonumber(call('HGET', session_key, 'attempts')) or 0) - 1, 0)
  call('HSET', session_key, 'status', 'ready', 'holder', '', 'fence', match(item.fence, '^%d*') .. '-',
    'attempts', attempts)
  call('SREM', held_key, item.sid)
  -- Charged before by a worker that died: still a suspect.
  call('LPUSH', attempts > 0 and suspects_key or ready_key, item.sid)
end
if #passed > 0 then
  ring_bell()
end
return finish_op(statuses)
