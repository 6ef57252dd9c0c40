#!lua flags=allow-oom
--[[
  Ask idle sessions whose time is over to dispose: each gets a dispose request of its own, in its own lane.

  What was asked waits without an expiry. While no worker lives nobody would hear it, and housekeeping may run without
  workers: then the sessions stay as they are, and the expiry of their keys ends them.

  KEYS[1] sessions_key  zset    idle sids, score = when they expire, ms
  KEYS[2] ready_key     list    sids with waiting requests and no holder
  KEYS[3] bell_key      stream  wakes idle workers
  KEYS[4] workers_key   zset    live workers, score = lease end, ms

  ARGV[1] base   string  what every key of the shard begins with
  ARGV[2] limit  int     sessions to look at, at most

  Returns  {sessions looked at, sessions asked to dispose}
]]
local sessions_key, ready_key, bell_key, workers_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local base, limit = ARGV[1], ARGV[2]

--#include calls
--#include prefixes
--#include clock
--#include chunks
--#include record
--#include bell

if call('ZCOUNT', workers_key, now_text, '+inf') == 0 then
  return { 0, 0 }
end
call('LLEN', ready_key)
call('XLEN', bell_key)
local due = call('ZRANGEBYSCORE', sessions_key, '-inf', now_text, 'LIMIT', 0, limit)
local asked = {}
for i, sid in ipairs(due) do
  local session_key = session_key_prefix .. sid
  -- '~' can't begin a sender's request id: such a request has no sender and gets no reply.
  local request = { requestId = '~ttl-' .. now_text .. '-' .. i, kind = 'dispose', body = '{"reason":"ttl"}' }
  -- A damaged session must not stop the sweep of the others; its keys still have their own expiry.
  if try('HGET', session_key, 'status') == 'idle'
      and type(try('RPUSH', mailbox_key_prefix .. sid, make_record(request, '', now_text))) == 'number' then
    call('HSET', session_key, 'status', 'ready', 'expires', '')
    call('PERSIST', session_key)
    call('PERSIST', history_key_prefix .. sid)
    call('PERSIST', outbox_key_prefix .. sid)
    asked[#asked + 1] = sid
  end
end
call_in_chunks('ZREM', sessions_key, due)
call_in_chunks('RPUSH', ready_key, asked)
if #asked > 0 then
  ring_bell()
end
return { #due, #asked }
