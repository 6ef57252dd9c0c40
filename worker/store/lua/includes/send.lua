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

-- Put an item into the outbox; false when that key is no stream, which shows at the first item: nothing was written.
local function keep(session, data)
  if type(try('XADD', session.outbox_key, 'MAXLEN', '~', outbox_max, '*', 'data', data)) == 'table' then
    return false
  end
  session.sent = session.sent + 1
  return true
end

-- A new stream takes 4 KiB for its first entry, ten times what it holds. Dump and restore keep what is used.
local function fit_outbox(session)
  if not session.turn and session.sent > 0 and call('XLEN', session.outbox_key) == session.sent then
    call('RESTORE', session.outbox_key, '0', call('DUMP', session.outbox_key), 'REPLACE')
  end
end

local function publish(channel, data)
  if call('PUBLISH', channel, data) == 0 then
    unheard = unheard + 1
  end
end

-- As `keep`, and tell whoever listens now.
local function send(session, data)
  if not keep(session, data) then
    return false
  end
  publish(client_channel_prefix .. session.sid, data)
  return true
end

-- Publish values[first] to values[last] on the bus channel of the session's client.
local function publish_events(session, values, first, last)
  if first > last then
    return
  end
  local bus_channel = bus_channel_prefix .. match(session.sid, ':(.*)')
  local unheard_events = 0
  for i = first, last do
    if call('PUBLISH', bus_channel, values[i]) == 0 then -- as `publish`, which would be called three times a turn
      unheard_events = unheard_events + 1
    end
  end
  unheard = unheard + unheard_events
end
