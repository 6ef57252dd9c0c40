-- All times that decide anything are Redis' own: no worker's clock is compared with another's.
local time = call('TIME')
local us = sub('00000' .. time[2], -6)
local now_text, now_us_text = time[1] .. sub(us, 1, 3), time[1] .. us
local now_ms, now_us = now_text + 0, now_us_text + 0

-- Lua numbers are doubles: print integers in full, never as 1.79e+15.
local function integer(number)
  return string.format('%.0f', number)
end

--#include numbers
