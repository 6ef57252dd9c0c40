-- Second half of a commit: write the items that passed every check.
local released, idle, ready = {}, {}, {}

local function bury_heads(item)
  for i = 1, item.count do
    local letter = record_fields(item.heads[i], item.sid, 'orig.')
    redis.call('XADD', dead_key, 'MAXLEN', '~', dead_max, '*', 'reason', item.dead_reason, 'error', item.error, 'attempts',
      item.attempts, 'atMs', now_text, unpack(letter))
  end
end

-- A reply without a seq belongs to no turn: it is published as it is and stays out of the outbox. The outbox of a
-- session that ends goes with the session.
local function write_reply(item, request_id, reply, reply_to, sequenced)
  local session = item.session
  local data = sequenced and with_seq(session, reply) or reply
  redis.call('SET', result_key_prefix .. request_id, data, 'PX', result_ttl_ms)
  if sequenced and not item.dispose then
    keep_and_publish(session, data, outbox_max)
  else
    redis.call('PUBLISH', client_channel_prefix .. item.sid, data)
  end
  if reply_to ~= '' then
    redis.call('PUBLISH', reply_to, data)
  end
end

local function write_replies(item)
  local requests = item.requests
  for i = 1, #requests, 4 do
    if requests[i + 1] ~= '' then
      write_reply(item, requests[i], requests[i + 1], requests[i + 2], requests[i + 3] == '1')
    end
  end
end

-- The events of a turn as one JSON list, by one concatenation.
local function json_list(texts)
  local parts = { '[' }
  for i, text in ipairs(texts) do
    parts[2 * i] = text
    parts[2 * i + 1] = ','
  end
  parts[2 * #texts + 1] = ']'
  return table.concat(parts)
end

local function write_events(item)
  publish_events(item.session, item.events, item.first_event)
  if item.events[1] and events_max ~= '0' then
    redis.call('XADD', events_key, 'MAXLEN', '~', events_max, '*', 'data', json_list(item.events))
  end
end

local function write_history(item)
  local records, history_key, length = item.records, item.session.history_key, 0
  if not records[1] then
    return
  end
  for first = 1, #records, 1000 do
    length = redis.call('RPUSH', history_key, unpack(records, first, math.min(first + 999, #records)))
  end
  if length > history_max then
    redis.call('LTRIM', history_key, -history_max, -1)
    length = history_max
  end
  item.session.new_records = length
end

local function write_bans(item)
  for i = 1, #item.bans, 2 do
    local command = item.bans[i + 1] == '1' and 'SADD' or 'SREM'
    redis.call(command, banned_key_prefix .. item.sid, item.bans[i])
    redis.call(command, bans_key, item.bans[i] .. ':' .. item.sid)
  end
end

-- A commit deletes only the journal fields of its own requests.
local function clear_journal(item)
  local journal_key = journal_key_prefix .. item.sid
  for _, field in ipairs(redis.call('HKEYS', journal_key)) do
    for i = 1, #item.requests, 4 do
      local prefix = item.requests[i] .. '/'
      if string.sub(field, 1, #prefix) == prefix then
        redis.call('HDEL', journal_key, field)
      end
    end
  end
end

local function pop_requests(item)
  if item.count == 1 then
    redis.call('LPOP', item.list_key)
  elseif item.count > 1 then
    redis.call('LPOP', item.list_key, item.count)
  end
  if item.source == 'control' and redis.call('LLEN', item.list_key) == 0 then
    redis.call('HDEL', item.session.key, 'control')
    item.session.control = false
  end
end

-- What waits opens a fresh session: it keeps its lists, and nothing else of the old one.
local function begin_afresh(session)
  redis.call('HSET', session.key, 'status', 'ready')
  if session.control then
    redis.call('HSET', session.key, 'control', '1')
  end
  ready[#ready + 1] = session.sid
end

local function expire_keys(session, life_ms)
  redis.call('PEXPIRE', session.key, life_ms)
  redis.call('PEXPIRE', session.history_key, life_ms)
  redis.call('PEXPIRE', session.outbox_key, life_ms)
end

-- The status the session gets when its holder lets go, and the index that goes with it.
local function status_after_release(item, mailbox_waits)
  local session = item.session
  if session.control or mailbox_waits and session.due_ms <= now_ms then
    ready[#ready + 1] = session.sid
    return 'ready'
  elseif mailbox_waits then
    redis.call('ZADD', delayed_key, session.due_ms, session.sid)
    return 'delayed'
  end
  idle[#idle + 1] = integer(now_ms + item.ttl_ms)
  idle[#idle + 1] = session.sid
  return 'idle'
end

-- Returns true when nothing is left to write because the session is gone.
local function release(item)
  local session, mailbox_waits = item.session, item.more
  if item.source == 'control' then
    mailbox_waits = redis.call('LLEN', session.mailbox_key) > 0
  end
  released[#released + 1] = session.sid
  if item.dispose or not session.turn and not mailbox_waits and not session.control then
    redis.call('DEL', session.key, session.history_key, session.outbox_key, journal_key_prefix .. session.sid)
    if mailbox_waits or session.control then
      begin_afresh(session)
    end
    return true
  end
  session.status = status_after_release(item, mailbox_waits)
end

local function write_session(item)
  local session = item.session
  if item.opens then
    session.turn = item.turn
  end
  if item.releases and release(item) then
    return
  end
  local fields = { 'seq', integer(session.seq), 'status', session.status }
  local count = 4
  local function set(name, value)
    fields[count + 1], fields[count + 2] = name, value
    count = count + 2
  end
  if item.source == 'mailbox' then
    set('attempts', item.releases and '0' or '1') -- a kept session runs its new head under the same claim
  end
  if item.opens then
    set('turn', item.turn)
  end
  if session.new_records then
    set('records', session.new_records)
  end
  if item.document ~= '=' then
    set('document', string.sub(item.document, 2))
  end
  redis.call('HSET', session.key, unpack(fields))
  if session.status == 'idle' then
    expire_keys(session, integer(item.ttl_ms + grace_ms))
  end
end

local function write_item(item)
  pop_requests(item)
  if item.dead_reason ~= '' then
    bury_heads(item)
  end
  for _, data in ipairs(item.out) do
    keep_and_publish(item.session, with_seq(item.session, data), outbox_max)
  end
  write_replies(item)
  write_events(item)
  write_history(item)
  write_bans(item)
  if item.journaled then
    clear_journal(item)
  end
  if item.is_first and item.session.sent and not item.dispose then
    fit_stream(item.session.outbox_key)
  end
  write_session(item)
end

local function write_shared()
  call_in_chunks('SREM', held_key, released)
  call_in_chunks('ZADD', sessions_key, idle)
  call_in_chunks('RPUSH', ready_key, ready)
  if #ready > 0 then
    redis.call('XADD', bell_key, 'MAXLEN', '1', '*', 'b', '1')
  end
end
