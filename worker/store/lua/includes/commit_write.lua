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
  local data = sequenced and with_seq(item.session, reply) or reply
  redis.call('SET', result_key_prefix .. request_id, data, 'PX', result_ttl_ms)
  if sequenced and not item.dispose then
    keep_and_publish(item.session, item.sid, data, outbox_max)
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

local function write_events(item)
  publish_events(item.sid, item.events, item.first_event)
  if #item.events > 0 and events_max ~= '0' then
    redis.call('XADD', events_key, 'MAXLEN', '~', events_max, '*', 'data', '[' .. table.concat(item.events, ',') .. ']')
  end
end

local function write_history(item)
  if #item.records == 0 then
    return
  end
  local history_key, length = history_key_prefix .. item.sid, 0
  for first = 1, #item.records, 1000 do
    length = redis.call('RPUSH', history_key, unpack(item.records, first, math.min(first + 999, #item.records)))
  end
  if length > history_max then
    redis.call('LTRIM', history_key, -history_max, -1)
    length = history_max
  end
  item.session.records = integer(length)
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
    redis.call('HDEL', session_key_prefix .. item.sid, 'control')
    item.session.control = false
  end
end

local function delete_session(sid)
  redis.call('DEL', session_key_prefix .. sid, history_key_prefix .. sid, outbox_key_prefix .. sid, journal_key_prefix .. sid)
end

-- What waits opens a fresh session: it keeps its lists, and nothing else of the old one.
local function begin_afresh(sid, control)
  redis.call('HSET', session_key_prefix .. sid, 'status', 'ready')
  if control then
    redis.call('HSET', session_key_prefix .. sid, 'control', '1')
  end
  ready[#ready + 1] = sid
end

local function expire_keys(item)
  local life_ms = integer(item.ttl_ms + grace_ms)
  redis.call('PEXPIRE', session_key_prefix .. item.sid, life_ms)
  redis.call('PEXPIRE', history_key_prefix .. item.sid, life_ms)
  redis.call('PEXPIRE', outbox_key_prefix .. item.sid, life_ms)
end

-- The status the session gets when its holder lets go, and the index that goes with it.
local function status_after_release(item, mailbox_waits, control_waits)
  local sid, due_ms = item.sid, item.session.due_ms
  if control_waits or mailbox_waits and due_ms <= now_ms then
    ready[#ready + 1] = sid
    return 'ready'
  elseif mailbox_waits then
    redis.call('ZADD', delayed_key, due_ms, sid)
    return 'delayed'
  end
  idle[#idle + 1] = integer(now_ms + item.ttl_ms)
  idle[#idle + 1] = sid
  return 'idle'
end

local function write_session(item)
  local sid, session = item.sid, item.session
  local releases = item.next == 'release'
  local fields = { 'seq', integer(session.seq) }
  local function set(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if item.opens then
    session.turn = item.turn
    set('turn', item.turn)
  end
  if item.source == 'mailbox' then
    set('attempts', releases and '0' or '1') -- a kept session runs its new head under the same claim
  end
  if session.records then
    set('records', session.records)
  end
  if item.document ~= '=' then
    set('document', string.sub(item.document, 2))
  end
  local status
  if releases then
    local mailbox_waits = item.more
    if item.source == 'control' then
      mailbox_waits = redis.call('LLEN', mailbox_key_prefix .. sid) > 0
    end
    released[#released + 1] = sid
    if item.dispose or not session.turn and not mailbox_waits and not session.control then
      delete_session(sid)
      if mailbox_waits or session.control then
        begin_afresh(sid, session.control)
      end
      return
    end
    status = status_after_release(item, mailbox_waits, session.control)
    session.status = status
    set('status', status)
  end
  redis.call('HSET', session_key_prefix .. sid, unpack(fields))
  if status == 'idle' then
    expire_keys(item)
  end
end

local function write_item(item)
  pop_requests(item)
  if item.dead_reason ~= '' then
    bury_heads(item)
  end
  for _, data in ipairs(item.out) do
    keep_and_publish(item.session, item.sid, with_seq(item.session, data), outbox_max)
  end
  write_replies(item)
  write_events(item)
  write_history(item)
  write_bans(item)
  if item.journaled then
    clear_journal(item)
  end
  if item.is_first and item.session.sent and not item.dispose then
    fit_stream(outbox_key_prefix .. item.sid)
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
