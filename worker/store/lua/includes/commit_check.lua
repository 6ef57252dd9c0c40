-- First half of a commit: read each item and check it against Redis; nothing is written here.
local function take_item()
  return {
    sid = take(), fence = take(), source = take(), turn = take(), releases = take() == 'release', opens = take() == '1',
    dispose = take() == '1', ttl_ms = tonumber(take()), document = take(), dead_reason = take(), error = take(),
    attempts = take(), journaled = take() == '1', first_event = tonumber(take()) + 1,
    requests = take_list(), -- request_id, reply, reply_to, sequenced of each request that ends here
    records = take_list(), out = take_list(), events = take_list(),
    bans = take_list(), -- policy name, then 1 = ban or 0 = unban
  }
end

-- What all items share must be sound before the first of them is written: a wrong type raises an error here.
local function check_indexes()
  redis.call('SCARD', held_key)
  redis.call('LLEN', ready_key)
  redis.call('ZCARD', sessions_key)
  redis.call('ZCARD', delayed_key)
  redis.call('XLEN', bell_key)
  redis.call('XLEN', dead_key)
  redis.call('XLEN', events_key)
  redis.call('SCARD', bans_key)
end

local function has_type(command, key, wanted)
  return not wanted or type(redis.pcall(command, key)) == 'number'
end

-- Keys that a plain item does not read anyway are looked at only if it will write them.
local function has_wrong_type(item, session)
  return not has_type('LLEN', session.history_key, item.records[1])
    or not has_type('SCARD', banned_key_prefix .. item.sid, item.bans[1])
    or not has_type('HLEN', journal_key_prefix .. item.sid, item.journaled)
    or not has_type('LLEN', session.mailbox_key, item.source == 'control')
end

-- Returns the first entries of the item's list, or the status that refuses the item.
local function read_heads(item, session)
  if item.source == 'control' then
    item.list_key = control_key_prefix .. item.sid
    item.popped = 'control_popped'
  else
    item.list_key = session.mailbox_key
    item.popped = 'mailbox_popped'
  end
  local offset = session[item.popped] or 0
  local heads = redis.pcall('LRANGE', item.list_key, offset, offset + item.count)
  local sent_before = redis.pcall('XLEN', session.outbox_key)
  if heads.err or type(sent_before) ~= 'number' or has_wrong_type(item, session) then
    return nil, 'wrong_type'
  end
  for i = 1, item.count do
    if not is_record_of(heads[i], item.requests[4 * i - 3]) then
      return nil, 'moved'
    end
  end
  item.is_first = sent_before == 0
  return heads
end

local function check_item(item)
  local session, failure = fenced_session(item.sid, item.fence)
  if not session then
    return failure
  end
  item.count = #item.requests / 4
  item.heads, failure = read_heads(item, session)
  if failure then
    session.broken = true -- later turns of the session build on this one
    return failure
  end
  item.session = session
  item.more = item.heads[item.count + 1] ~= nil
  session[item.popped] = (session[item.popped] or 0) + item.count
  return 'ok'
end
