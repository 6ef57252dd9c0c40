#!lua flags=no-writes
--[[
  Ask Redis whether the caller may do what the scripts will do; runs none of it.

  ARGV[1] items  int  how many calls follow, each: how many words, then the words (command, key or channel, ...)

  Returns  list of 0 or 1, one for each call: 1 = refused
]]
local FIRST_ITEM = 2

--#include calls
--#include arguments

local refused = {}
for i = 1, tonumber(ARGV[1]) do
  local known, allowed = pcall(redis.acl_check_cmd, unpack(take_list()))
  refused[i] = (known and allowed) and 0 or 1
end
return refused
