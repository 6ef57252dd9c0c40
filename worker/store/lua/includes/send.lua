-- Send items to the client of a session: number them, keep them in the outbox, publish them.
-- An item comes as JSON without its opening brace, so that its seq can be put in front by one concatenation.
local function with_seq(session, item)
  session.seq = math.max(session.seq + 1, now_us)
  return '{"seq":' .. integer(session.seq) .. item
end

-- A new stream takes 4 KiB for its first entry, ten times what it holds. Dump and restore keep what is used.
local function fit_stream(key)
  redis.call('RESTORE', key, 0, redis.call('DUMP', key), 'REPLACE')
end

local function keep_and_publish(session, data, outbox_max)
  redis.call('XADD', session.outbox_key, 'MAXLEN', '~', outbox_max, '*', 'data', data)
  redis.call('PUBLISH', client_channel_prefix .. session.sid, data)
  session.sent = true
end

local function publish_events(session, events, first)
  if first > #events then
    return
  end
  local bus_channel = bus_channel_prefix .. string.sub(session.sid, #session.swarm_name + 2)
  for i = first, #events do
    redis.call('PUBLISH', bus_channel, events[i])
  end
end
