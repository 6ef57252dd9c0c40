-- What a mailbox or control entry says, as record.lua put it together.
-- Tell whether a record is that of a request; costs no new string.
local function is_record_of(record, request_id)
  return record and find(record, request_id, 1, true) == 1 and string.byte(record, #request_id + 1) == 9
end

-- The stream fields a record was made of, for dead letters: flat list of names (with prefix) and values.
local function record_fields(record, sid, prefix)
  local header, body = match(record, '^([^\n]*)\n(.*)$')
  local swarm_name, client_id = match(sid, '^([^:]*):(.*)$')
  local names = { 'requestId', 'kind', false, 'force', 'replyTo', 'deadlineMs', false, 'sentAtMs', 'traceparent',
    'tracestate' }
  local flat, i = { prefix .. 'v', '1', prefix .. 'clientId', client_id, prefix .. 'swarmName', swarm_name }, 0
  for value in string.gmatch(header .. '\t', '([^\t]*)\t') do
    i = i + 1
    if names[i] and value ~= '' then
      flat[#flat + 1] = prefix .. names[i]
      flat[#flat + 1] = value
    end
  end
  local rest_size = tonumber(match(header, '%d*$'))
  for at, text in ipairs(rest_size and cmsgpack.unpack(sub(body, 1, rest_size)) or {}) do
    flat[#flat + 1] = at % 2 == 1 and prefix .. sub(text, 1, 128) or text
  end
  flat[#flat + 1] = prefix .. 'body'
  flat[#flat + 1] = sub(body, 1 + (rest_size or 0))
  return flat
end
