#!lua flags=allow-oom
--[[
  Hand back sessions whose turn did not end: ready again at once, at the front, or after a while; no attempt is charged.

  KEYS[1] workers_key   zset    live workers, score = lease end, ms
  KEYS[2] ops_key       hash    last operation number and answer per kind of this worker
  KEYS[3] held_key      set     sids this worker holds
  KEYS[4] ready_key     list    sids with waiting requests and no holder
  KEYS[5] suspects_key  list    reclaimed sids whose head was tried before
  KEYS[6] bell_key      stream  wakes idle workers
  KEYS[7] delayed_key   zset    sids that wait for a retry, score = due ms

  ARGV[1] base       string  what every key of the shard begins with
  ARGV[2] worker_id  string  who hands back
  ARGV[3] op_number  int     number of this release
  ARGV[4] items      int     how many items follow, each: sid, fence, 1 if the claim counted an attempt, for how many ms
                             its head is to wait (0 = the turn was cut short), 1 if it waits for somebody: it is no retry

  Returns  as commit: {'ok', {status, ...}, {sid with control waiting, ...}, unheard}, {'unregistered'} or {'stale'}
]]
local workers_key, ops_key, held_key, ready_key, suspects_key, bell_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local delayed_key = KEYS[7]
local base, worker_id, op_number, op_kind = ARGV[1], ARGV[2], tonumber(ARGV[3]), 'release'
local FIRST_ITEM = 5

--#include calls
--#include prefixes
--#include clock
--#include arguments
--#include fenced
--#include backstop
--#include bell

local has_ready = false

-- Where a session goes that runs again as soon as somebody has a place for it.
local function join_line(sid, attempts)
  -- Charged before by a worker that died: still a suspect.
  call('LPUSH', attempts > 0 and suspects_key or ready_key, sid)
  has_ready = true
  return 'ready'
end

local function status_after(item, attempts)
  if item.wait_ms > 0 then
    call('ZADD', delayed_key, now_ms + item.wait_ms, item.sid)
  end
  -- Control does not wait for the retry; the claim leaves the head alone until it is due.
  if not item.session.control and call('ZSCORE', delayed_key, item.sid) then
    return 'delayed'
  end
  return join_line(item.sid, attempts)
end

local function hand_back(item)
  local session = item.session
  local attempts = math.max((tonumber(call('HGET', session.key, 'attempts')) or 0) - item.charged, 0)
  if item.charged > 0 then
    -- What an earlier try has shown to observers is told apart by these.
    call('HINCRBY', session.key, item.wait_ms > 0 and not item.is_parked and 'retries' or 'handbacks', 1)
  end
  persist_held(item.sid, session.expires)
  call('SREM', held_key, item.sid)
  call('HSET', session.key, 'status', status_after(item, attempts), 'holder', '', 'fence',
    match(item.fence, '^%d*') .. '-', 'attempts', attempts)
end

local refusal = check_op()
if refusal then
  return refusal
end
local statuses, passed = {}, {}
for i = 1, tonumber(ARGV[4]) do
  local item = { sid = take(), fence = take(), charged = tonumber(take()), wait_ms = tonumber(take()) }
  item.is_parked = take() == '1'
  local failure
  item.session, failure = fenced_session(item.sid, item.fence)
  statuses[i] = item.session and 'ok' or failure
  if item.session then
    passed[#passed + 1] = item
  end
end
-- Lua is not rolled back: a wrong type must raise its error before the first write.
call('SCARD', held_key)
call('LLEN', ready_key)
call('LLEN', suspects_key)
call('ZCARD', delayed_key)
call('XLEN', bell_key)
for _, item in ipairs(passed) do
  hand_back(item)
end
if has_ready then
  ring_bell()
end
return finish_op(statuses)
