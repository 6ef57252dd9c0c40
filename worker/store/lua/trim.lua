#!lua flags=allow-oom
--[[
  Trim the requests stream exactly up to what was admitted, so that message bodies don't outlive their sessions.

  KEYS[1] requests_key  stream  ingress
  KEYS[2] cursor_key    hash    id of the last admitted entry, entries read

  Returns  how many entries were dropped
]]
local requests_key, cursor_key = KEYS[1], KEYS[2]

--#include calls

local id = call('HGET', cursor_key, 'id')
if not id then
  return 0
end
local ms, sequence = match(id, '^(%d+)-(%d+)$')
return call('XTRIM', requests_key, 'MINID', ms .. '-' .. string.format('%.0f', tonumber(sequence) + 1))
