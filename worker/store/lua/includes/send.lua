-- Send items to the client of a session: number them, keep them in the outbox, publish them.
-- An item comes as JSON without its opening brace, so that its seq can be put in front by one concatenation.
local function with_seq(session, item)
  if session.seq < now_us then
    session.seq, session.seq_text = now_us, now_us_text
  else
    session.seq = session.seq + 1
    session.seq_text = integer(session.seq)
  end
  return '{"seq":' .. session.seq_text .. item
end

-- A new stream takes 4 KiB for its first entry, ten times what it holds. Dump and restore keep what is used.
local function fit_stream(key)
  call('RESTORE', key, 0, call('DUMP', key), 'REPLACE')
end

local function keep_and_publish(session, data, outbox_max)
  call('XADD', session.outbox_key, 'MAXLEN', '~', outbox_max, '*', 'data', data)
  call('PUBLISH', client_channel_prefix .. session.sid, data)
  session.sent = true
end

-- Publish values[first] to values[last] on the bus channel of the session's client.
local function publish_events(session, values, first, last)
  if first > last then
    return
  end
  local bus_channel = bus_channel_prefix .. match(session.sid, ':(.*)')
  for i = first, last do
    call('PUBLISH', bus_channel, values[i])
  end
end
