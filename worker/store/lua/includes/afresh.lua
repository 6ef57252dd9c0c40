-- What waits opens a fresh session: it keeps its lists, and nothing else of the old one.
local function begin_afresh(sid, has_control)
  call('HSET', session_key_prefix .. sid, 'status', 'ready')
  if has_control then
    call('HSET', session_key_prefix .. sid, 'control', '1')
  end
end
