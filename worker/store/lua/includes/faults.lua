-- What is wrong with an entry by its stream fields alone; the body stays opaque. Needs shard, shards, body_max_bytes,
-- has_options and settings_of. Returns nothing, or a dead-letter reason, a message for the sender and the error code.
local LANES = {
  execute = 'open', run = 'open', connect = 'open', ['commit-user-message'] = 'open',
  ['commit-system-message'] = 'open', ['commit-developer-message'] = 'open', ['commit-assistant-message'] = 'open',
  ['commit-tool-output'] = 'open', ['commit-tool-request'] = 'open', ['commit-flush'] = 'open',
  ['commit-stop-tools'] = 'open', ['change-agent'] = 'open', ['change-to-default-agent'] = 'open',
  ['change-to-prev-agent'] = 'open', complete = 'open', event = 'void', dispose = 'void',
  ['operator-answer'] = 'void-control', emit = 'control', notify = 'control', ban = 'control', unban = 'control', ['cancel-output'] = 'void-control',
}

local WHEN_BUSY -- built when it is needed

-- What passed its test in this call: senders repeat themselves.
local sound_names, sound_channels = {}, {}

local function is_sound_name(name)
  sound_names[name] = is_name(name)
  return sound_names[name]
end

local function fault_of_names(fields)
  if fields.v ~= '1' then
    return 'malformed', 'field v must be 1, the only protocol version of this worker', 'bad_request'
  elseif not fields.clientId or not fields.swarmName or not fields.kind then
    return 'malformed', 'fields clientId, swarmName and kind are required', 'bad_request'
  elseif not is_client_id(fields.clientId) then
    return 'bad_name', 'clientId must be 1-128 characters without spaces, controls and any of *?[]{}\\^', 'bad_request'
  elseif not sound_names[fields.swarmName] and not is_sound_name(fields.swarmName) then
    return 'bad_name', 'swarmName must match [A-Za-z0-9_.-]{1,64}', 'bad_request'
  elseif shards > 1 and shard_of(fields.clientId, shards) ~= shard then
    return 'bad_shard', 'this clientId belongs to shard ' .. shard_of(fields.clientId, shards)
      .. ': crc32(clientId) % ' .. shards, 'bad_shard'
  end
end

local function fault_of_reply_to(fields)
  local reply_to = fields.replyTo
  if not reply_to then
    return
  elseif #reply_to > 256 or sub(reply_to, 1, #reply_channel_prefix) ~= reply_channel_prefix
      or find(reply_to, '[^%w_.:{}%-]') then
    fields.replyTo = false -- a worker never publishes where a sender likes
    return 'bad_request', 'replyTo must begin with ' .. reply_channel_prefix
      .. ' and have at most 256 bytes of [A-Za-z0-9_.:{}-]', 'bad_request'
  end
  sound_channels[reply_to] = true
end

local function usable(text)
  return #text <= 512 and not find(text, '%c') and text or nil
end

local function fault_of_options(fields)
  WHEN_BUSY = WHEN_BUSY
    or { enqueue = true, reject = true, interrupt = true, rollback = true, coalesce = true, throttle = true }
  local deadline_ms, force, when_busy = fields.deadlineMs, fields.force, fields.whenBusy
  if deadline_ms and not find(deadline_ms, '^%d+$') or deadline_ms and #deadline_ms > 15 then
    return 'bad_request', 'deadlineMs must be Unix milliseconds', 'bad_request'
  elseif force and force ~= '1' and force ~= '0' then
    return 'bad_request', 'force must be 1 or 0', 'bad_request'
  elseif when_busy and not WHEN_BUSY[when_busy] then
    return 'bad_request', 'whenBusy must be enqueue, reject, interrupt, rollback, coalesce or throttle', 'bad_request'
  end
  -- Tracing must never cost a request: what is not usable is left out.
  fields.traceparent = fields.traceparent and usable(fields.traceparent)
  fields.tracestate = fields.tracestate and usable(fields.tracestate)
  fields.sentAtMs = fields.sentAtMs and usable(fields.sentAtMs)
end

local function fault_of(fields)
  local reason, message, code = fault_of_names(fields)
  if reason then
    fault_of_reply_to(fields)
    return reason, message, code
  end
  if not sound_channels[fields.replyTo] then
    reason, message, code = fault_of_reply_to(fields)
  end
  if reason then
    return reason, message, code
  elseif #(fields.body or '') > body_max_bytes then
    return 'too_large', 'the body may have at most ' .. body_max_bytes .. ' bytes', 'bad_request'
  elseif not LANES[fields.kind] then
    return 'unknown_kind', 'no such kind of request', 'bad_request'
  elseif not settings_of(fields.swarmName) then
    return 'unknown_swarm', 'no worker has announced a swarm of this name', 'unknown_swarm'
  elseif has_options then
    return fault_of_options(fields)
  end
end
