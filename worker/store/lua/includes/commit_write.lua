-- Second half of a commit: write the items that passed every check.
local released, idle, ready = {}, {}, {}
local REPLY_WITHOUT_SEQ = 123 -- '{': a reply that is published as it is; the others come without their first brace

local function bury_heads(item)
  local at = item.at + item.shape.dead
  for i = 1, item.shape.requests do
    local letter = record_fields(item.heads[i], item.session.sid, 'orig.')
    call('XADD', dead_key, 'MAXLEN', '~', dead_max, '*', 'reason', ARGV[at], 'error', ARGV[at + 1], 'attempts',
      ARGV[at + 2], 'atMs', now_text, unpack(letter))
  end
end

-- A reply without a seq belongs to no turn and stays out of the outbox. The outbox of a session that ends goes with it.
-- Returns false when the outbox is no stream.
local function write_reply(session, request_id, reply, reply_to, dispose)
  local sequenced = string.byte(reply) ~= REPLY_WITHOUT_SEQ
  local data = sequenced and with_seq(session, reply) or reply
  if sequenced and not dispose and not keep(session, data) then
    return false
  end
  call('SET', result_key_prefix .. request_id, data, 'PX', result_ttl_ms)
  publish(client_channel_prefix .. session.sid, data)
  if reply_to ~= '' then
    publish(reply_to, data)
  end
  return true
end

-- Emits first, then the replies; false when the outbox is no stream, and then nothing was written.
local function write_output(item)
  local session, shape = item.session, item.shape
  local first_out = item.at + shape.first_out
  for at = first_out, first_out + shape.out - 1 do
    if not send(session, with_seq(session, ARGV[at])) then
      return false
    end
  end
  local at = item.at + shape.first_request
  for _ = 1, shape.requests do
    local reply = ARGV[at + 1]
    if reply ~= '' and not write_reply(session, ARGV[at], reply, ARGV[at + 2], shape.dispose) then
      return false
    end
    at = at + 3
  end
  return true
end

-- The events of a turn as one JSON list. A plain turn has three: one concatenation, and no string on the way to it.
local function json_list(first, count)
  if count == 3 then
    return '[' .. ARGV[first] .. ',' .. ARGV[first + 1] .. ',' .. ARGV[first + 2] .. ']'
  end
  return '[' .. table.concat(ARGV, ',', first, first + count - 1) .. ']'
end

local function write_events(item)
  local shape = item.shape
  local first = item.at + shape.first_event
  publish_events(item.session, ARGV, first + shape.skip_events, first + shape.events - 1)
  events_kept = events_kept + 1
  if events_kept < events_limit then
    call('XADD', events_key, '*', 'data', json_list(first, shape.events)) -- nothing to trim
  elseif events_limit > 0 then
    call('XADD', events_key, 'MAXLEN', '~', events_max, '*', 'data', json_list(first, shape.events))
  end
end

-- Make a list of a history that is a text, with the expiry that the other keys of the session have.
local function unfold_history(session, history_key)
  local one, two = short_records(history_key)
  if one then
    call('DEL', history_key)
    call('RPUSH', history_key, one, two)
    if session.expires and session.expires ~= '' then
      call('PEXPIREAT', history_key, session.expires)
    end
  end
end

-- Tell whether the history may be a text and must be a list after this item.
local function outgrows_text(item)
  local turn, shape = item.session.turn, item.shape
  if turn and turn ~= '1' then
    return false
  end
  return shape.records > 0 or shape.opens and not shape.dispose and ARGV[item.at + 3] ~= '1'
end

-- Keep the records of a first turn as a text; false when that is not what the item is, or when there is a history.
local function write_text(item, history_key, first)
  return not item.session.turn and item.shape.is_short and ARGV[item.at + 3] == '1'
    and call('SET', history_key, ARGV[first] .. '\n' .. ARGV[first + 1], 'NX')
end

-- Append the records and return how many there are now; nil when the history is no list, and then nothing was written.
local function append_history(item)
  local session, shape, count, length = item.session, item.shape, item.shape.records, 0
  local history_key, first = history_key_prefix .. session.sid, item.at + shape.first_record
  if write_text(item, history_key, first) then
    session.has_new_key = true
    return count
  elseif outgrows_text(item) then
    unfold_history(session, history_key)
  end
  if count == 2 then
    length = try('RPUSH', history_key, ARGV[first], ARGV[first + 1]) -- a plain turn
  else
    for from = first, first + count - 1, 1000 do
      length = try('RPUSH', history_key, unpack(ARGV, from, math.min(from + 999, first + count - 1)))
    end
  end
  if type(length) ~= 'number' then
    return nil -- and each of the calls was refused
  elseif count > 0 then
    session.has_new_key = session.has_new_key or length == count
  end
  return length
end

local function write_bans(item)
  local first = item.at + item.shape.first_ban
  for at = first, first + 2 * item.shape.bans - 1, 2 do
    local command = ARGV[at + 1] == '1' and 'SADD' or 'SREM'
    call(command, banned_key_prefix .. item.session.sid, ARGV[at])
    call(command, bans_key, ARGV[at] .. ':' .. item.session.sid)
  end
end

-- A commit deletes only the journal fields of its own requests, and how often they were begun before.
local function clear_journal(item)
  call('HDEL', item.session.key, 'handbacks', 'retries')
  local journal_key = journal_key_prefix .. item.session.sid
  local first = item.at + item.shape.first_request
  for _, field in ipairs(call('HKEYS', journal_key)) do
    for at = first, first + 3 * (item.shape.requests - 1), 3 do
      local prefix = ARGV[at] .. '/'
      if sub(field, 1, #prefix) == prefix then
        call('HDEL', journal_key, field)
      end
    end
  end
end

local function pop_requests(item)
  local shape, session = item.shape, item.session
  if not item.more and shape.requests > 0 then
    call('DEL', item.list_key) -- all that is left of it; LPOP would hand the entries back, to be dropped
  elseif shape.requests > 0 then
    call('LPOP', item.list_key, shape.requests)
  end
  if shape.from_control and not item.more then
    call('HDEL', session.key, 'control')
    session.control = false
  end
end

--#include afresh

-- The status the session gets when its holder lets go, and the index that goes with it.
local function status_after_release(session, shape, mailbox_waits)
  if shape.from_control and mailbox_waits and not session.control and call('ZSCORE', delayed_key, session.sid) then
    return 'delayed' -- its head goes on waiting
  elseif session.control or mailbox_waits then
    ready[#ready + 1] = session.sid
    return 'ready'
  end
  idle[#idle + 1] = shape.due
  idle[#idle + 1] = session.sid
  return 'idle'
end

-- Returns true when nothing is left to write because the session is gone.
local function release(item)
  local session, shape, mailbox_waits = item.session, item.shape, item.more
  if shape.from_control then
    mailbox_waits = call('LLEN', mailbox_key_prefix .. session.sid) > 0
  end
  released[#released + 1] = session.sid
  if shape.dispose or not session.turn and not mailbox_waits and not session.control then
    call('DEL', session.key, history_key_prefix .. session.sid, session.outbox_key, journal_key_prefix .. session.sid)
    call('ZREM', delayed_key, session.sid)
    if mailbox_waits or session.control then
      begin_afresh(session.sid, session.control)
      ready[#ready + 1] = session.sid
    end
    return true
  end
  session.status = status_after_release(session, shape, mailbox_waits)
end

-- See backstop.lua: the expiry is renewed only when half of the grace is gone. Tells whether it was.
local function renew_expiry(session, shape)
  if (numbers[session.expires] or read_number(session.expires)) >= shape.must_live_until_ms and not session.has_new_key then
    return false
  end
  expire(session.sid, shape.life_ms)
  session.expires = shape.expires
  return true
end

local fields = { 'seq', '', 'status', '' } -- of one HSET; one table for all items

-- Fill `fields` with what every turn changes; returns how many values there are.
local function list_changes(item)
  local session, shape, fields, n = item.session, item.shape, fields, 4
  fields[2], fields[4] = session.seq_text, session.status
  if not shape.from_control then
    -- A kept session runs its new head under the same claim.
    fields[5], fields[6], n = 'attempts', shape.releases and '0' or '1', 6
  end
  if shape.opens then
    fields[n + 1], fields[n + 2] = 'turn', session.turn
    n = n + 2
  end
  return n
end

local function write_session(item)
  local session, shape = item.session, item.shape
  if shape.opens then
    session.turn = ARGV[item.at + 3]
  end
  if shape.releases and release(item) then
    return
  end
  local n = list_changes(item)
  if shape.from_control and shape.releases and session.status ~= 'idle' then
    fields[n + 1], fields[n + 2] = 'holder', '' -- whoever claims the head must look for its journal, and remember nothing
    n = n + 2
  end
  if shape.document then
    fields[n + 1], fields[n + 2] = 'document', ARGV[item.at + shape.document]
    n = n + 2
  end
  if session.status == 'idle' then
    if renew_expiry(session, shape) then
      fields[n + 1], fields[n + 2] = 'expires', session.expires
      n = n + 2
    end
  elseif shape.releases or session.has_new_key then
    -- A new key has no expiry. The commit to idle may be in another call: it gives one to all three, as it finds none.
    persist_held(session.sid, session.expires)
    session.expires = ''
  end
  call('HSET', session.key, unpack(fields, 1, n))
end

-- The records of an item go, of all `records` that are there now.
local function take_back(item, records)
  local history_key, count = history_key_prefix .. item.session.sid, item.shape.records
  if records == count then
    call('DEL', history_key)
  else
    call('LTRIM', history_key, 0, -count - 1)
  end
end

-- Returns the status of the item. What may meet a key of a wrong type comes first, so that it can be taken back.
local function write_item(item)
  local shape, session = item.shape, item.session
  if session.broken then
    return 'fenced'
  end
  local records = append_history(item)
  if not records then
    session.broken = true
    return 'wrong_type'
  elseif not write_output(item) then
    if records > 0 then
      take_back(item, records)
    end
    session.broken = true
    return 'wrong_type'
  end
  if records > shape.history_max then
    call('LTRIM', history_key_prefix .. session.sid, shape.first_kept, '-1')
  end
  pop_requests(item)
  if shape.dead then
    bury_heads(item)
  end
  if shape.events > 0 then
    write_events(item)
  end
  if shape.bans > 0 then
    write_bans(item)
  end
  if shape.wakes then
    call('ZREM', delayed_key, item.session.sid)
  end
  if shape.journaled then
    clear_journal(item)
  end
  if not shape.dispose and not session.turn then
    fit_outbox(session)
  end
  write_session(item)
  return 'ok'
end

local function write_shared()
  call_in_chunks('SREM', held_key, released)
  call_in_chunks('ZADD', sessions_key, idle)
  call_in_chunks('RPUSH', ready_key, ready)
  if #ready > 0 then
    ring_bell()
  end
end
