#!lua flags=allow-oom
--[[
  Send emits and live events of turns under way and keep their journal, fenced like a commit.

  KEYS[1] workers_key  zset  live workers, score = lease end, ms
  KEYS[2] ops_key      hash  last operation number and answer per kind of this worker

  ARGV[1] base        string  what every key of the shard begins with
  ARGV[2] worker_id   string  who flushes
  ARGV[3] op_number   int     number of this flush
  ARGV[4] outbox_max  int     about how many items an outbox keeps
  ARGV[5] items       int     how many items follow, each: sid, fence, list of out, list of events, list of journal
                              fields and values; a list is its length, then its values

  Returns  as commit: {'ok', {status, ...}, {sid with control waiting, ...}, unheard}, {'unregistered'} or {'stale'}
]]
local workers_key, ops_key = KEYS[1], KEYS[2]
local base, worker_id, op_number, op_kind = ARGV[1], ARGV[2], tonumber(ARGV[3]), 'flush'
local outbox_max = ARGV[4]
local FIRST_ITEM = 6

--#include calls
--#include prefixes
--#include clock
--#body
--#include arguments
--#include fenced
--#include send

local function check_item(item)
  local session, failure = fenced_session(item.sid, item.fence)
  if not session then
    return failure
  end
  local journaled, sent = try('HLEN', journal_key_prefix .. item.sid), try('XLEN', session.outbox_key)
  if type(sent) ~= 'number' or type(journaled) ~= 'number' then
    return 'wrong_type'
  end
  item.session = session
  return 'ok'
end

local function write_item(item)
  for _, data in ipairs(item.out) do
    send(item.session, with_seq(item.session, data))
  end
  if #item.out > 0 then
    call('HSET', item.session.key, 'seq', item.session.seq_text)
    fit_outbox(item.session)
  end
  publish_events(item.session, item.events, 1, #item.events)
  for i = 1, #item.journal, 2 do
    call('HSET', journal_key_prefix .. item.sid, item.journal[i], item.journal[i + 1])
  end
end

local refusal = check_op()
if refusal then
  return refusal
end
local statuses, passed = {}, {}
for i = 1, tonumber(ARGV[5]) do
  local item = { sid = take(), fence = take(), out = take_list(), events = take_list(), journal = take_list() }
  statuses[i] = check_item(item)
  if statuses[i] == 'ok' then
    passed[#passed + 1] = item
  end
end
for _, item in ipairs(passed) do
  write_item(item)
end
return finish_op(statuses)
