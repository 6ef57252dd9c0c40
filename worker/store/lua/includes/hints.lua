-- Sids of this worker that have control waiting, as admission noted them; read once, then forgotten.
local function take_hints()
  local hints = call('HGET', ops_key, 'hints')
  if not hints then
    return {}
  end
  call('HDEL', ops_key, 'hints')
  local sids = {}
  for sid in string.gmatch(hints, '[^\n]+') do
    sids[#sids + 1] = sid
  end
  return sids
end
