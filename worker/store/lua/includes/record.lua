-- A mailbox or control entry is one string: a header line of tab-separated fields, then the body as it came.
-- Splitting it costs no decoder on either side; the body is last, so it may hold any byte.
-- Header: request_id kind when_busy force reply_to deadline_ms accepted_at_ms sent_at_ms traceparent tracestate
local function make_record(fields, when_busy, now_text)
  return fields.requestId .. '\t' .. fields.kind .. '\t' .. when_busy .. '\t' .. (fields.force or '') .. '\t'
    .. (fields.replyTo or '') .. '\t' .. (fields.deadlineMs or '') .. '\t' .. now_text .. '\t' .. (fields.sentAtMs or '')
    .. '\t' .. (fields.traceparent or '') .. '\t' .. (fields.tracestate or '') .. '\n' .. (fields.body or '{}')
end

local function record_request_id(record)
  return sub(record, 1, find(record, '\t', 1, true) - 1)
end

-- Tell whether a record is that of a request; costs no new string.
local function is_record_of(record, request_id)
  return record and find(record, request_id, 1, true) == 1 and string.byte(record, #request_id + 1) == 9
end

-- The stream fields a record was made of, for dead letters: flat list of names (with prefix) and values.
local function record_fields(record, sid, prefix)
  local header, body = match(record, '^([^\n]*)\n(.*)$')
  local swarm_name, client_id = match(sid, '^([^:]*):(.*)$')
  local names = { 'requestId', 'kind', 'whenBusy', 'force', 'replyTo', 'deadlineMs', false, 'sentAtMs', 'traceparent',
    'tracestate' }
  local flat, i = { prefix .. 'v', '1', prefix .. 'clientId', client_id, prefix .. 'swarmName', swarm_name }, 0
  for value in string.gmatch(header .. '\t', '([^\t]*)\t') do
    i = i + 1
    if names[i] and value ~= '' then
      flat[#flat + 1] = prefix .. names[i]
      flat[#flat + 1] = value
    end
  end
  flat[#flat + 1] = prefix .. 'body'
  flat[#flat + 1] = body
  return flat
end
