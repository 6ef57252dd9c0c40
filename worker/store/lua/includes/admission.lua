-- Take new entries of the requests stream, in order, into the mailboxes of their sessions.
local entry = {}    -- fields of the entry at hand: one table for all, since each would grow its own in five steps
local has_rest      -- whether it has fields that its record has no place for
local has_options   -- whether it has fields that a plain request has not

--#include faults

-- As `check_shared` in claim_call.lua, for what admission alone writes.
local function check_ingress()
  call('XLEN', requests_key)
  call('HGET', cursor_key, 'id')
  call('XLEN', dead_key)
end

local verdicts = {} -- verdict -> count, for metrics; behind the first colon are labels
local woken = {}    -- sessions that left idle in this call, in order

local function count(verdict)
  verdicts[verdict] = (verdicts[verdict] or 0) + 1
end

local function size_of(flat)
  local size = 0
  for _, text in ipairs(flat) do
    size = size + #text
  end
  return size
end

-- Bury an entry that is never admitted. The whole entry is kept, cut only where it would flood the dead letters.
local function bury(flat, reason, message)
  count('dead:' .. reason)
  local cut = (#flat > 128 or size_of(flat) > 1048576) and 1024 or 1048576
  local letter = { 'reason', reason, 'error', message, 'attempts', '0', 'atMs', now_text }
  for i = 1, math.min(#flat, 128), 2 do
    letter[#letter + 1] = 'orig.' .. sub(flat[i], 1, 128)
    letter[#letter + 1] = sub(flat[i + 1], 1, cut)
  end
  call('XADD', dead_key, 'MAXLEN', '~', dead_max, '*', unpack(letter))
end

-- Answer a request that goes no further; false when its id is taken already.
-- `swarm_name` is for metrics: '' where the sender's word for it is all there is.
local function answer(fields, status, code, message, reachable, swarm_name)
  local reply = reply_json(fields, status, code, message)
  local taken = try('SET', result_key_prefix .. fields.requestId, reply, 'NX', 'PX', result_ttl_ms)
  if not taken or taken.err then
    return false
  end
  publish_reply(fields, reply, reachable)
  count('answered:' .. status .. ':' .. swarm_name)
  return true
end

local function refuse_entry(flat, fields, reason, message, code)
  bury(flat, reason, message)
  if not fields.requestId or not is_request_id(fields.requestId) then
    return
  end
  local reachable = reason ~= 'bad_name' and reason ~= 'malformed'
  fields.clientId = string.gsub(sub(fields.clientId or '', 1, 512), '[%c\128-\255]', reachable and '%0' or '?')
  fields.swarmName = string.gsub(sub(fields.swarmName or '', 1, 512), '[%c\128-\255]', '?')
  answer(fields, 'failed', code, message, reachable, '')
end

-- The id was seen before: the same request again is dropped (its sender reads the result key), another one is a fault.
local function meet_known_id(flat, fields, known)
  if type(known) == 'table' then
    return bury(flat, 'malformed', 'the result key of this requestId has a wrong type')
  end
  local ok, holder = pcall(cjson.decode, known)
  if ok and holder.clientId == fields.clientId and holder.swarmName == fields.swarmName then
    count('deduplicated')
  else
    bury(flat, 'duplicate_id', 'this requestId is in use by another client or swarm')
  end
end

local function throttled_at_ms(session)
  return session.throttled_at_ms or tonumber(call('HGET', session.key, 'throttled_at_ms')) or 0
end

local function busy_verdict(session, settings, when_busy)
  local status = session.status
  if when_busy == 'reject' and (status == 'held' or status == 'ready' or status == 'delayed') then
    return 'busy', 'the session is busy; send again later or with another whenBusy'
  elseif when_busy == 'throttle' and throttled_at_ms(session) + (settings.throttle_ms or 0) > now_ms then
    return 'throttled', 'only one request every ' .. (settings.throttle_ms or 0) .. ' ms is accepted here'
  end
end

local function list_is_full(list_key, settings)
  local length = try('LLEN', list_key)
  return type(length) == 'number' and length >= (settings.max_mailbox or 1000)
end

-- The session joins the line. `first` is its only request, when that is known without reading the mailbox.
local function wake(session, first)
  if session.status == 'idle' and not outlives(session.expires, settings_of(session.swarm_name).ttl_ms or 0) then
    persist(session.sid, session.expires)
    session.expires = ''
  end
  session.status = 'ready'
  session.waiting = first and { first }
  woken[#woken + 1] = session
end

-- Tell the holder that control waits: a hint in its ops hash and one on its channel.
local function hint_holder(session)
  local ops_key = ops_key_prefix .. session.holder
  call('HSET', ops_key, 'hints', (call('HGET', ops_key, 'hints') or '') .. session.sid .. '\n')
  call('PUBLISH', worker_channel_prefix .. session.holder, session.sid)
end

local function append_control(session, record)
  local length = try('RPUSH', control_key_prefix .. session.sid, record)
  if type(length) ~= 'number' then
    return false
  end
  call('HSET', session.key, 'control', '1')
  session.control = '1'
  if session.status == 'held' or session.status == 'disposing' then
    hint_holder(session)
  elseif session.status ~= 'ready' then
    wake(session)
  end
  return true
end

local signals = 0 -- so that two signals of one moment are two

-- Interrupt and rollback append the request as usual and signal the turn that runs now, by its request id.
local function signal_running(session, when_busy)
  local head = call('LINDEX', session.mailbox_key, 0)
  if head then
    signals = signals + 1
    local request_id = '~' .. when_busy .. '-' .. now_us_text .. '-' .. signals
    local signal = { requestId = request_id, kind = when_busy, body = record_request_id(head) }
    append_control(session, make_record(signal, '', now_text))
  end
end

local function append_to_mailbox(session, record, when_busy)
  -- A head that waits, delayed, may be a turn that is parked.
  if (when_busy == 'interrupt' or when_busy == 'rollback') and (session.status == 'held' or session.status == 'delayed') then
    signal_running(session, when_busy)
  end
  local length = try('RPUSH', session.mailbox_key, record)
  if type(length) ~= 'number' then
    return false
  end
  if when_busy == 'throttle' then
    session.throttled_at_ms = now_ms
    call('HSET', session.key, 'throttled_at_ms', now_text)
  end
  if session.waiting then
    session.waiting[#session.waiting + 1] = record
  elseif not session.status or session.status == 'idle' then
    -- Somebody may have deleted the session and left its mailbox: then what waited comes first.
    wake(session, length == 1 and record)
  end
  return true
end

local function accept(flat, fields, session, lane, when_busy)
  local result_key = result_key_prefix .. fields.requestId
  local known = try('SET', result_key, marker_json(fields), 'NX', 'GET')
  if known then
    return meet_known_id(flat, fields, known)
  end
  -- All other ways to wait are dealt with here; that one is for the worker.
  local for_worker = when_busy == 'coalesce' and when_busy or ''
  local record = has_options and make_record(fields, for_worker, now_text, has_rest and pack_rest(flat))
    or make_plain_record(fields, for_worker, now_text)
  local appended
  if lane == 'control' then
    appended = append_control(session, record)
  else
    appended = append_to_mailbox(session, record, when_busy)
  end
  if appended then
    return count('accepted:' .. fields.swarmName .. ':' .. fields.kind)
  end
  call('DEL', result_key)
  bury(flat, 'malformed', 'a key of this session has a wrong type; an operator must look at it')
  answer(fields, 'failed', 'bad_request', 'the session is damaged', true, fields.swarmName)
end

local function turn_away(flat, fields, code, message)
  local reply = reply_json(fields, 'rejected', code, message)
  local known = try('SET', result_key_prefix .. fields.requestId, reply, 'NX', 'GET', 'PX', result_ttl_ms)
  if known then
    return meet_known_id(flat, fields, known)
  end
  publish_reply(fields, reply, true)
  count('rejected:' .. code)
  count('answered:rejected:' .. fields.swarmName)
end

-- One field a line, since Lua sets a constant at once, but a list of them by way of as many variables.
local function fields_of(flat)
  local fields, rest = entry, false
  fields.v = false
  fields.requestId = false
  fields.clientId = false
  fields.swarmName = false
  fields.kind = false
  fields.body = false
  fields.whenBusy = false
  fields.force = false
  fields.replyTo = false
  fields.deadlineMs = false
  fields.sentAtMs = false
  fields.traceparent = false
  fields.tracestate = false
  for i = 1, #flat, 2 do
    local name = flat[i]
    if fields[name] ~= nil then
      fields[name] = flat[i + 1]
    else
      rest = true
    end
  end
  has_rest = rest or fields.whenBusy
  has_options = has_rest or fields.force or fields.deadlineMs or fields.sentAtMs or fields.traceparent or fields.tracestate
  return fields
end

-- Which list a request of a void kind goes to: it needs a session that is there.
local function lane_of_void(fields, session, lane)
  if not session.status then
    return 'none'
  end
  return (lane == 'void-control' or fields.force == '1') and 'control' or 'session'
end

local function admit(flat)
  local fields = fields_of(flat)
  local request_id = fields.requestId
  if not request_id or not is_request_id(request_id) then
    return bury(flat, 'malformed', 'field requestId must be 1-128 characters of [A-Za-z0-9_.:-]')
  end
  local reason, message, code = fault_of(fields)
  if reason then
    return refuse_entry(flat, fields, reason, message, code)
  end
  local session = read_session(fields.swarmName .. ':' .. fields.clientId, fields.swarmName)
  if not session then
    return refuse_entry(flat, fields, 'malformed', 'the session key has a wrong type', 'bad_request')
  end
  local lane = LANES[fields.kind]
  if lane == 'void' or lane == 'void-control' then
    lane = lane_of_void(fields, session, lane)
  end
  if lane == 'none' then
    -- Nothing to end, cancel or tell about: done, and no key is left behind.
    local answered = answer(fields, 'completed', nil, nil, true, fields.swarmName)
    return count(answered and 'accepted:' .. fields.swarmName .. ':' .. fields.kind or 'deduplicated')
  end
  local settings = settings_of(fields.swarmName)
  local when_busy = ''
  if fields.kind == 'execute' then
    when_busy = fields.whenBusy or settings.when_busy or 'enqueue'
    if when_busy ~= 'enqueue' then
      code, message = busy_verdict(session, settings, when_busy)
    end
  end
  -- Nothing waits in a session that is idle or not there.
  if not code and session.status and session.status ~= 'idle' then
    local list_key = lane == 'control' and control_key_prefix .. session.sid or session.mailbox_key
    if list_is_full(list_key, settings) then
      code, message = 'mailbox_full', 'too many requests of this session are waiting; send again later'
    end
  end
  if code then
    return turn_away(flat, fields, code, message)
  end
  accept(flat, fields, session, lane, when_busy)
end

-- More fields than anybody would send: it may still say whom to tell.
local function refuse_crowded(flat)
  local fields = fields_of(flat)
  fault_of_reply_to(fields)
  refuse_entry(flat, fields, 'malformed', 'an entry may have at most 64 fields', 'bad_request')
end

local function entries_added()
  local info = try('XINFO', 'STREAM', requests_key)
  for i = 1, #info, 2 do
    if info[i] == 'entries-added' then
      return info[i + 1]
    end
  end
  return 0 -- no stream
end

-- The group is gone (flush, eviction, XGROUP DESTROY): take it up where admission stopped. Without ENTRIESREAD the
-- lag that autoscalers look at would turn nil; from `$` entries would be lost.
local function recreate_group()
  local cursor = call('HMGET', cursor_key, 'id', 'entries_read')
  local id, entries_read, added = cursor[1] or '0', tonumber(cursor[2]) or 0, entries_added()
  if added < entries_read then
    -- The stream itself was lost and begun anew: nothing of this one was read.
    id, entries_read = '0', added - call('XLEN', requests_key)
    call('HSET', cursor_key, 'entries_read', entries_read)
  end
  call('XGROUP', 'CREATE', requests_key, 'admission', id, 'MKSTREAM', 'ENTRIESREAD', entries_read)
end

local function read_entries(limit)
  for _ = 1, 2 do
    local read = try('XREADGROUP', 'GROUP', 'admission', 'w', 'COUNT', limit, 'NOACK', 'STREAMS', requests_key,
      '>')
    if not read then
      return {}
    elseif not read.err then
      return read[1][2]
    elseif not find(read.err, 'NOGROUP', 1, true) then
      error(read.err)
    end
    recreate_group()
  end
  return {}
end

local function admit_entries(limit)
  local entries = read_entries(limit)
  if #entries == 0 then
    return 0
  end
  for i = 1, #entries do
    local flat = entries[i][2]
    -- The group's cursor has moved past this entry: an error must end in a dead letter, or the request is lost.
    local ok, failure = pcall(#flat > 128 and refuse_crowded or admit, flat)
    if not ok then
      failure = type(failure) == 'table' and failure.err or tostring(failure)
      bury(flat, 'malformed', 'admission failed: ' .. sub(failure, 1, 200))
    end
  end
  local last_id = entries[#entries][1]
  call('HSET', cursor_key, 'id', last_id)
  call('HINCRBY', cursor_key, 'entries_read', #entries)
  call('XTRIM', requests_key, 'MINID', '~', last_id)
  -- Old bells don't ring for what is admitted already. The doorbell group may be missing; idle workers make it anew.
  try('XGROUP', 'SETID', requests_key, 'doorbell', last_id)
  return #entries
end
