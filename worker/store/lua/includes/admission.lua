-- Take new entries of the requests stream, in order, into the mailboxes of their sessions.
--#include faults

local verdicts = {}  -- verdict -> count, for metrics
local admitting = {} -- sid -> what admission knows of a session in this call
local woken = {}     -- sids that left idle in this call, in order

local function count(verdict)
  verdicts[verdict] = (verdicts[verdict] or 0) + 1
end

-- Bury an entry that is never admitted. The whole entry is kept, cut only where it would flood the dead letters.
local function bury(flat, size, reason, message)
  count('dead:' .. reason)
  local cut = size > 1048576 and 1024 or size
  local letter = { 'reason', reason, 'error', message, 'attempts', '0', 'atMs', now_text }
  for i = 1, math.min(#flat, 128), 2 do
    letter[#letter + 1] = 'orig.' .. string.sub(flat[i], 1, 128)
    letter[#letter + 1] = string.sub(flat[i + 1], 1, cut)
  end
  redis.call('XADD', dead_key, 'MAXLEN', '~', dead_max, '*', unpack(letter))
end

-- Answer a request that goes no further; false when its id is taken already.
local function answer(fields, status, code, message, reachable)
  local reply = reply_json(fields, status, code, message)
  local taken = redis.pcall('SET', result_key_prefix .. fields.requestId, reply, 'NX', 'PX', result_ttl_ms)
  if not taken or taken.err then
    return false
  end
  publish_reply(fields, reply, reachable)
  return true
end

local function refuse_entry(flat, fields, size, reason, message, code)
  bury(flat, size, reason, message)
  if not fields.requestId or not is_request_id(fields.requestId) then
    return
  end
  local reachable = reason ~= 'bad_name' and reason ~= 'malformed'
  fields.clientId = string.gsub(string.sub(fields.clientId or '', 1, 512), '[%c\128-\255]', reachable and '%0' or '?')
  fields.swarmName = string.gsub(string.sub(fields.swarmName or '', 1, 512), '[%c\128-\255]', '?')
  answer(fields, 'failed', code, message, reachable)
end

local function session_of(sid)
  local session = admitting[sid]
  if not session then
    local found = redis.pcall('HMGET', session_key_prefix .. sid, 'status', 'holder', 'throttled_at_ms')
    if found.err then
      return nil
    end
    session = { status = found[1], holder = found[2], throttled_at_ms = tonumber(found[3]) or 0 }
    admitting[sid] = session
  end
  return session
end

-- The id was seen before: the same request again is dropped (its sender reads the result key), another one is a fault.
local function meet_known_id(flat, fields, size, known)
  local ok, holder = pcall(cjson.decode, known)
  if ok and holder.clientId == fields.clientId and holder.swarmName == fields.swarmName then
    count('deduplicated')
  else
    bury(flat, size, 'duplicate_id', 'this requestId is in use by another client or swarm')
  end
end

local function busy_verdict(fields, session, settings, when_busy)
  local busy = session.status == 'held' or session.status == 'ready' or session.status == 'delayed'
  if when_busy == 'reject' and busy then
    return 'busy', 'the session is busy; send again later or with another whenBusy'
  elseif when_busy == 'throttle' and session.throttled_at_ms + (settings.throttle_ms or 0) > now_ms then
    return 'throttled', 'only one request every ' .. (settings.throttle_ms or 0) .. ' ms is accepted here'
  end
end

local function list_is_full(list_key, session, settings)
  if not session.status or session.status == 'idle' then
    return false -- nothing waits in a session that is idle or not there
  end
  local length = redis.pcall('LLEN', list_key)
  return type(length) == 'number' and length >= (settings.max_mailbox or 1000)
end

local function wake(sid, session)
  if session.status == 'idle' then
    -- From here on there is accepted work, and accepted work never expires.
    redis.call('PERSIST', session_key_prefix .. sid)
    redis.call('PERSIST', history_key_prefix .. sid)
    redis.call('PERSIST', outbox_key_prefix .. sid)
    session.was_idle = true
  end
  session.status = 'ready'
  woken[#woken + 1] = sid
end

-- Tell the holder, if there is one, that control waits: a hint in its ops hash and one on its channel.
local function hint_holder(sid, session)
  local ops_key = ops_key_prefix .. session.holder
  redis.call('HSET', ops_key, 'hints', (redis.call('HGET', ops_key, 'hints') or '') .. sid .. '\n')
  redis.call('PUBLISH', worker_channel_prefix .. session.holder, sid)
end

local function append_control(sid, session, record)
  local length = redis.pcall('RPUSH', control_key_prefix .. sid, record)
  if type(length) ~= 'number' then
    return false
  end
  redis.call('HSET', session_key_prefix .. sid, 'control', '1')
  if session.status == 'held' or session.status == 'disposing' then
    hint_holder(sid, session)
  elseif session.status == 'delayed' or session.status == 'idle' or not session.status then
    wake(sid, session)
  end
  return true
end

-- Interrupt and rollback append the request as usual and signal the turn that runs now, by its request id.
local function signal_running(sid, session, when_busy)
  local head = redis.call('LINDEX', mailbox_key_prefix .. sid, 0)
  if session.status == 'held' and head then
    local signal = { requestId = '~' .. when_busy .. '-' .. now_text, kind = when_busy, body = record_request_id(head) }
    append_control(sid, session, make_record(signal, '', now_text))
  end
end

local function append_to_mailbox(sid, session, fields, when_busy)
  if (when_busy == 'interrupt' or when_busy == 'rollback') and session.status == 'held' then
    signal_running(sid, session, when_busy)
  end
  local length = redis.pcall('RPUSH', mailbox_key_prefix .. sid, make_record(fields, when_busy, now_text))
  if type(length) ~= 'number' then
    return false
  end
  if when_busy == 'throttle' then
    session.throttled_at_ms = now_ms
    redis.call('HSET', session_key_prefix .. sid, 'throttled_at_ms', now_text)
  end
  if not session.status or session.status == 'idle' then
    wake(sid, session)
  end
  return true
end

local function accept(flat, fields, size, sid, session, lane, when_busy)
  local result_key = result_key_prefix .. fields.requestId
  local known = redis.pcall('SET', result_key, marker_json(fields), 'NX', 'GET')
  if type(known) == 'table' then
    return bury(flat, size, 'malformed', 'the result key of this requestId has a wrong type')
  elseif known then
    return meet_known_id(flat, fields, size, known)
  end
  local appended
  if lane == 'control' then
    appended = append_control(sid, session, make_record(fields, '', now_text))
  else
    appended = append_to_mailbox(sid, session, fields, when_busy)
  end
  if appended then
    return count('accepted')
  end
  redis.call('DEL', result_key)
  bury(flat, size, 'malformed', 'a key of this session has a wrong type; an operator must look at it')
  answer(fields, 'failed', 'bad_request', 'the session is damaged', true)
end

local function turn_away(flat, fields, size, code, message)
  local reply = reply_json(fields, 'rejected', code, message)
  local known = redis.pcall('SET', result_key_prefix .. fields.requestId, reply, 'NX', 'GET', 'PX', result_ttl_ms)
  if type(known) == 'table' then
    return bury(flat, size, 'malformed', 'the result key of this requestId has a wrong type')
  elseif known then
    return meet_known_id(flat, fields, size, known)
  end
  publish_reply(fields, reply, true)
  count('rejected:' .. code)
end

local function fields_of(flat)
  local fields, size = {}, 0
  for i = 1, #flat, 2 do
    fields[flat[i]] = flat[i + 1]
    size = size + #flat[i] + #flat[i + 1]
  end
  return fields, size
end

local function admit(flat)
  local fields, size = fields_of(flat)
  local request_id = fields.requestId
  if not request_id or not is_request_id(request_id) then
    return bury(flat, size, 'malformed', 'field requestId must be 1-128 characters of [A-Za-z0-9_.:-]')
  end
  local reason, message, code = fault_of(fields, size)
  if reason then
    return refuse_entry(flat, fields, size, reason, message, code)
  end
  local sid = fields.swarmName .. ':' .. fields.clientId
  local session = session_of(sid)
  if not session then
    return refuse_entry(flat, fields, size, 'malformed', 'the session key has a wrong type', 'bad_request')
  end
  local lane = LANES[fields.kind]
  if not session.status and (lane == 'void' or lane == 'void-control') then
    -- Nothing to end, cancel or tell about: done, and no key is left behind.
    count(answer(fields, 'completed', nil, nil, true) and 'accepted' or 'deduplicated')
    return
  end
  if lane == 'void-control' or fields.kind == 'dispose' and fields.force == '1' then
    lane = 'control'
  end
  local settings = settings_of(fields.swarmName)
  local when_busy = ''
  if fields.kind == 'execute' then
    when_busy = fields.whenBusy or settings.when_busy or 'enqueue'
    code, message = busy_verdict(fields, session, settings, when_busy)
  end
  local list_key = (lane == 'control' and control_key_prefix or mailbox_key_prefix) .. sid
  if not code and list_is_full(list_key, session, settings) then
    code, message = 'mailbox_full', 'too many requests of this session are waiting; send again later'
  end
  if code then
    return turn_away(flat, fields, size, code, message)
  end
  accept(flat, fields, size, sid, session, lane, when_busy)
end

-- The group is gone (flush, eviction, XGROUP DESTROY): take it up where admission stopped. Without ENTRIESREAD the
-- lag that autoscalers look at would turn nil; from `$` entries would be lost.
local function recreate_group()
  local cursor = redis.call('HMGET', cursor_key, 'id', 'entries_read')
  redis.call('XGROUP', 'CREATE', requests_key, 'admission', cursor[1] or '0', 'MKSTREAM', 'ENTRIESREAD', cursor[2] or '0')
end

local function read_entries(limit)
  for _ = 1, 2 do
    local read = redis.pcall('XREADGROUP', 'GROUP', 'admission', 'w', 'COUNT', limit, 'NOACK', 'STREAMS', requests_key,
      '>')
    if not read then
      return {}
    elseif not read.err then
      return read[1][2]
    elseif not string.find(read.err, 'NOGROUP', 1, true) then
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
  for _, entry in ipairs(entries) do
    if #entry[2] > 128 then
      bury(entry[2], 1048577, 'malformed', 'an entry may have at most 64 fields')
    else
      -- The group's cursor has moved past this entry: an error must end in a dead letter, or the request is lost.
      local ok, failure = pcall(admit, entry[2])
      if not ok then
        failure = type(failure) == 'table' and failure.err or tostring(failure)
        bury(entry[2], 0, 'malformed', 'admission failed: ' .. string.sub(failure, 1, 200))
      end
    end
  end
  local last_id = entries[#entries][1]
  redis.call('HSET', cursor_key, 'id', last_id)
  redis.call('HINCRBY', cursor_key, 'entries_read', #entries)
  redis.call('XTRIM', requests_key, 'MINID', '~', last_id)
  -- Old bells don't ring for what is admitted already. The doorbell group may be missing; idle workers make it anew.
  redis.pcall('XGROUP', 'SETID', requests_key, 'doorbell', last_id)
  return #entries
end
