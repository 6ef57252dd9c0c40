-- All times that decide anything are Redis' own: no worker's clock is compared with another's.
local time = call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local now_us = time[1] * 1000000 + time[2]

-- Lua numbers are doubles: print integers in full, never as 1.79e+15.
local function integer(number)
  return string.format('%.0f', number)
end

local now_text, now_us_text = integer(now_ms), integer(now_us)

--#include numbers
