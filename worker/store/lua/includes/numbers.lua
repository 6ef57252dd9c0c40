-- What sessions hold as numbers, read once per call: most of those that are claimed and committed together hold the same,
-- and a lookup takes a tenth of the time.
local numbers = {} -- text -> number

-- What is not there, or is no number, is 0. Callers look into `numbers` first.
local function read_number(text)
  local number = tonumber(text) or 0
  numbers[text] = number
  return number
end
