-- The backstop: the keys of an idle session expire some time after its TTL, so that what people said does not stay for
-- ever should every worker be gone for good. Accepted work never expires: a session that waits has no expiry. One that
-- is woken and claimed by one and the same call keeps its own, as long as it leaves time enough: most are idle again
-- within milliseconds, and six calls a turn are spared. The field `expires` tells when that is, in ms; '' = it does not.
local LONGEST_WAIT_MS = 300000 -- the holder's renewals take the expiry off within a minute

local function expire(sid, life_ms)
  call('PEXPIRE', session_key_prefix .. sid, life_ms)
  call('PEXPIRE', history_key_prefix .. sid, life_ms)
  call('PEXPIRE', outbox_key_prefix .. sid, life_ms)
end

-- Tell whether the keys outlive the turn that begins now and a whole TTL on top: should all workers die in it, nothing is
-- gone before the session would have ended anyway.
local function outlives(expires, ttl_ms)
  local left_ms = (numbers[expires] or read_number(expires)) - now_ms
  return left_ms > LONGEST_WAIT_MS and left_ms > ttl_ms
end

local function persist(sid, expires)
  call('PERSIST', session_key_prefix .. sid)
  call('PERSIST', history_key_prefix .. sid)
  call('PERSIST', outbox_key_prefix .. sid)
  if expires then
    call('HSET', session_key_prefix .. sid, 'expires', '')
  end
end

-- As `persist`, for a session that was held: most have no expiry.
local function persist_held(sid, expires)
  if expires and expires ~= '' then
    persist(sid, expires)
  end
end
