-- The frame of a claim: operation number before lease, then the work, then the number and answer are kept together.
local function answer_claim(admitted, reclaimed, counted)
  return { 'ok', now_text, admitted, reclaimed, redelivered, counted, claimed, aside }
end

-- The worker counts what its call did when it hears of it, so a repeated call must tell it again.
local function counted_of(verdicts)
  local flat = {}
  for verdict, times in pairs(verdicts) do
    flat[#flat + 1] = verdict
    flat[#flat + 1] = integer(times)
  end
  return flat
end

local function counted_before(text)
  local flat = {}
  for part in string.gmatch(text or '', '[^\n]+') do
    flat[#flat + 1] = part
  end
  return flat
end

local is_announced -- whether admission knows the swarms of the caller

-- Lua is not rolled back: what all sessions share must be sound before the first write. A wrong type raises an error.
local function check_shared()
  check_lines()
  call('ZCARD', delayed_key)
  call('ZCARD', sessions_key)
  call('SCARD', held_key)
  -- By the first of its swarms the caller sees whether they are all there: each worker writes its own in one call.
  is_announced = call('HGET', swarms_key, string.match(swarms, '^[^,]*')) and true
end

-- Returns an answer to give at once, or nil and `since` of this worker.
local function check_claim()
  local ops = call('HMGET', ops_key, 'claim', 'claimed', 'since', 'counted')
  local last_number = tonumber(ops[1]) or 0
  if op_number == last_number then
    repeat_claim(ops[2])
    return answer_claim(0, 0, counted_before(ops[4]))
  elseif op_number < last_number then
    return { 'stale' }
  end
  local lease_end = tonumber(call('ZSCORE', workers_key, worker_id))
  if not lease_end then
    return { 'unregistered' }
  end
  check_shared()
  -- After an outage this call may come before any renewal: then the caller's own row of renewals has a gap as well.
  return nil, is_unbroken(lease_end - lease_ms, lease_ms) and tonumber(ops[3]) or nil
end

local function finish_claim(admitted, reclaimed, woken, verdicts)
  claim_sessions(woken)
  local counted = counted_of(verdicts)
  call('HSET', ops_key, 'claim', op_number, 'claimed', table.concat(claimed_sids, '\n'), 'counted',
    table.concat(counted, '\n'))
  return answer_claim(admitted, reclaimed, counted)
end
