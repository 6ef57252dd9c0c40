#!lua flags=allow-oom
--[[
  Begin the disposal of a session, fenced: from here on it can't be called off, a successor of the holder goes on.

  KEYS[1] workers_key  zset  live workers, score = lease end, ms

  ARGV[1] base         string  what every key of the shard begins with
  ARGV[2] worker_id    string  who holds the session
  ARGV[3] sid          string  the session
  ARGV[4] fence        string  of the holder
  ARGV[5] may_call_off int     1 = only if nothing else waits (disposal by TTL)

  Returns  'disposing', 'called_off' or 'fenced'; the same call again gives the same answer
]]
local workers_key = KEYS[1]
local base, worker_id, sid, fence = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

--#include calls
--#include prefixes

local session_key = session_key_prefix .. sid
local held = try('HMGET', session_key, 'fence', 'disposing', 'control')
local waiting = try('LLEN', mailbox_key_prefix .. sid)
if held.err or type(waiting) ~= 'number' then
  return 'fenced' -- damaged: its commit would be refused
elseif held[1] ~= fence or not call('ZSCORE', workers_key, worker_id) then
  return 'fenced'
elseif held[2] then
  return 'disposing'
elseif ARGV[5] == '1' and (held[3] or waiting > 1) then
  return 'called_off'
end
call('HSET', session_key, 'status', 'disposing', 'disposing', '1')
return 'disposing'
