-- Send items to the client of a session: number them, keep them in the outbox, publish them.
local function next_seq(session)
  session.seq = math.max(session.seq + 1, now_us)
  return session.seq
end

-- The item's JSON gets its seq before the last brace.
local function with_seq(session, item)
  return string.sub(item, 1, -2) .. ',"seq":' .. integer(next_seq(session)) .. '}'
end

-- A new stream takes 4 KiB for its first entry, ten times what it holds. Dump and restore keep what is used.
local function fit_stream(key)
  redis.call('RESTORE', key, 0, redis.call('DUMP', key), 'REPLACE')
end

local function keep_and_publish(session, sid, data, outbox_max)
  redis.call('XADD', outbox_key_prefix .. sid, 'MAXLEN', '~', outbox_max, '*', 'data', data)
  redis.call('PUBLISH', client_channel_prefix .. sid, data)
  session.sent = true
end

local function publish_events(sid, events, first)
  if first > #events then
    return
  end
  local bus_channel = bus_channel_prefix .. string.match(sid, '^[^:]*:(.*)$')
  for i = first, #events do
    redis.call('PUBLISH', bus_channel, events[i])
  end
end
