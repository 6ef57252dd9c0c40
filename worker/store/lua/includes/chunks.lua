-- Call a variadic command in chunks: Lua's unpack fails at about 8,000 values.
local function call_in_chunks(command, key, values)
  for first = 1, #values, 1000 do
    call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
end
