-- A mailbox or control entry is one string: a header line of tab-separated fields, then the body as it came.
-- Splitting it costs no decoder on either side; the body is last, so it may hold any byte.
-- Header: request_id kind when_busy force reply_to deadline_ms accepted_at_ms sent_at_ms traceparent tracestate rest_size
-- Between them lie so many bytes of `rest`: what the sender sent besides, packed, for the dead letter alone.
local function make_record(fields, when_busy, now_text, rest)
  return fields.requestId .. '\t' .. fields.kind .. '\t' .. when_busy .. '\t' .. (fields.force or '') .. '\t'
    .. (fields.replyTo or '') .. '\t' .. (fields.deadlineMs or '') .. '\t' .. now_text .. '\t' .. (fields.sentAtMs or '')
    .. '\t' .. (fields.traceparent or '') .. '\t' .. (fields.tracestate or '') .. '\t' .. (rest and #rest or '') .. '\n'
    .. (rest or '') .. (fields.body or '{}')
end

-- As `make_record`, for a request without any option: half as many pieces.
local function make_plain_record(fields, when_busy, now_text)
  return fields.requestId .. '\t' .. fields.kind .. '\t' .. when_busy .. '\t\t' .. (fields.replyTo or '') .. '\t\t' .. now_text
    .. '\t\t\t\t\n' .. (fields.body or '{}')
end

local IN_RECORD -- the fields of an entry that have a place of their own in its record; built when it is needed
local REST_MAX_BYTES = 4096 -- a mailbox is no store for what nobody reads

-- Pack the other fields of an entry; nil when they are too large.
local function pack_rest(flat)
  -- A `whenBusy` in a record is what came out of the one in the entry.
  IN_RECORD = IN_RECORD or {
    v = true, requestId = true, clientId = true, swarmName = true, kind = true, force = true, replyTo = true,
    deadlineMs = true, sentAtMs = true, traceparent = true, tracestate = true, body = true,
  }
  local rest, size = {}, 0
  for i = 1, #flat, 2 do
    local name, value = flat[i], flat[i + 1]
    if not IN_RECORD[name] then
      rest[#rest + 1], rest[#rest + 2] = name, value
      size = size + #name + #value
    end
  end
  return size <= REST_MAX_BYTES and cmsgpack.pack(rest) or nil
end

local function record_request_id(record)
  return sub(record, 1, find(record, '\t', 1, true) - 1)
end
