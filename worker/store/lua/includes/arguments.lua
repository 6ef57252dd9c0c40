-- Items come flat in ARGV: reading them costs no decoding. `take` walks along, `take_list` reads a count and as many.
local position = FIRST_ITEM - 1

local function take()
  position = position + 1
  return ARGV[position]
end

local function take_list()
  local length = tonumber(take())
  local list = {}
  for i = 1, length do
    list[i] = ARGV[position + i]
  end
  position = position + length
  return list
end
