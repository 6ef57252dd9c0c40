-- First half of a commit: read each item and check it against Redis; nothing is written here.
local function take_item()
  return {
    sid = take(), fence = take(), source = take(), turn = take(), next = take(), opens = take() == '1',
    dispose = take() == '1', ttl_ms = tonumber(take()), document = take(), dead_reason = take(), error = take(),
    attempts = take(), journaled = take() == '1', first_event = tonumber(take()) + 1,
    requests = take_list(), -- request_id, reply, reply_to, sequenced of each request that ends here
    records = take_list(), out = take_list(), events = take_list(),
    bans = take_list(), -- policy name, then 1 = ban or 0 = unban
  }
end

local function has_type(command, key, wanted)
  return not wanted or type(redis.pcall(command, key)) == 'number'
end

local function check_item(item)
  local session, failure = fenced_session(item.sid, item.fence)
  if not session then
    return failure
  end
  local list_key = (item.source == 'control' and control_key_prefix or mailbox_key_prefix) .. item.sid
  local count, offset = #item.requests / 4, session.popped[item.source]
  local waiting = redis.pcall('LRANGE', list_key, offset, offset + count)
  local sent_before = redis.pcall('XLEN', outbox_key_prefix .. item.sid)
  if waiting.err or type(sent_before) ~= 'number'
      or not has_type('LLEN', history_key_prefix .. item.sid, #item.records > 0)
      or not has_type('SCARD', banned_key_prefix .. item.sid, #item.bans > 0) then
    session.broken = true
    return 'wrong_type'
  end
  for i = 1, count do
    if not waiting[i] or record_request_id(waiting[i]) ~= item.requests[4 * i - 3] then
      session.broken = true
      return 'moved'
    end
  end
  session.popped[item.source] = offset + count
  item.session, item.list_key, item.count, item.heads = session, list_key, count, waiting
  item.more, item.is_first = waiting[count + 1] ~= nil, sent_before == 0
  return 'ok'
end
