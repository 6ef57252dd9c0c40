#!lua flags=allow-oom
--[[
  Read a shared state, or change it unless somebody else has changed it since; a change of a turn is applied once.

  It lives in the shard of its name, not in that of the session, so the session's fence can't be compared here. Instead
  the changes that a request has made are remembered: a retry, or a worker that comes late, gets what was made.

  KEYS[1] workers_key  zset  live workers, score = lease end, ms
  KEYS[2] shared_key   hash  the state: version and value (JSON)
  KEYS[3] applied_key  hash  changes that one request has made here: which one -> value

  ARGV[1] worker_id  string  who calls
  ARGV[2] change     string  which change of the request this is; '' = none, it is only read
  ARGV[3] version    string  make the change if the state has this version; '' = only read
  ARGV[4] value      string  what it is changed to (JSON)
  ARGV[5] keep_ms    int     how long it is remembered that the change was made

  Returns  {'applied', version, value} when the change is made, by this call or by an earlier one;
           {'current', version, value} when it was only read or has another version by now, value '' = never changed;
           {'unregistered'} when the worker has no lease; {'wrong_type'} when a key was overwritten by somebody
]]
local workers_key, shared_key, applied_key = KEYS[1], KEYS[2], KEYS[3]
local worker_id, change, version, value, keep_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

--#include calls

if not call('ZSCORE', workers_key, worker_id) then
  return { 'unregistered' }
end
local state = try('HMGET', shared_key, 'version', 'value')
local made = try('HGET', applied_key, change)
if state.err or type(made) == 'table' then
  return { 'wrong_type' }
end
local current = state[1] or '0'
if made then
  return { 'applied', current, made }
elseif version ~= current then
  return { 'current', current, state[2] or '' }
end
call('HSET', shared_key, 'version', version + 1, 'value', value)
call('HSET', applied_key, change, value)
call('PEXPIRE', applied_key, keep_ms)
return { 'applied', version + 1, value }
