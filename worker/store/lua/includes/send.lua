-- Send items to the client of a session: number them, keep them in the outbox, publish them. Needs outbox_max.
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

-- Look at the outbox of a session before the first write; false when it is no stream. Looks once per call.
local function check_outbox(session)
  session.outbox_key = session.outbox_key or outbox_key_prefix .. session.sid
  session.sent_before = session.sent_before or try('XLEN', session.outbox_key)
  session.sent = session.sent or session.sent_before
  return type(session.sent) == 'number'
end

-- A new stream takes 4 KiB for its first entry, ten times what it holds. Dump and restore keep what is used.
local function fit_outbox(session)
  if session.sent_before == 0 and session.sent > 0 then
    call('RESTORE', session.outbox_key, '0', call('DUMP', session.outbox_key), 'REPLACE')
    session.sent_before = session.sent
  end
end

local function publish(channel, data)
  if call('PUBLISH', channel, data) == 0 then
    unheard = unheard + 1
  end
end

local function keep_and_publish(session, data)
  session.sent = session.sent + 1
  if session.sent < outbox_max then
    call('XADD', session.outbox_key, '*', 'data', data) -- nothing to trim: three values less to hand over
  else
    call('XADD', session.outbox_key, 'MAXLEN', '~', outbox_max, '*', 'data', data)
  end
  publish(client_channel_prefix .. session.sid, data)
end

-- Publish values[first] to values[last] on the bus channel of the session's client.
local function publish_events(session, values, first, last)
  if first > last then
    return
  end
  local bus_channel = bus_channel_prefix .. match(session.sid, ':(.*)')
  for i = first, last do
    publish(bus_channel, values[i])
  end
end
